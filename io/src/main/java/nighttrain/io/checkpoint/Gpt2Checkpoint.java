package nighttrain.io.checkpoint;

import java.util.List;

/**
 * GPT-2's tensors under llama's names. It keeps weights as {@code [inputs, outputs]} and queries, keys and values side by side
 * in one tensor; published files name them with or without {@code transformer.} before.
 */
record Gpt2Checkpoint(Checkpoint published, String prefix) implements Checkpoint {
    static Checkpoint of(Checkpoint published) {
        return new Gpt2Checkpoint(published, published.has("transformer.wte.weight") ? "transformer." : "");
    }

    @Override
    public ModelConfig config() {
        return published.config();
    }

    @Override
    public boolean has(String name) {
        return published.has(publishedName(name));
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        int part = List.of("q", "k", "v").indexOf(name.replaceFirst(".*self_attn\\.(.)_proj.*", "$1"));
        boolean linear = name.contains("_proj.");
        boolean weight = name.endsWith(".weight");
        if (!linear) {
            return published.tensor(publishedName(name), expectedShape);
        }
        int parts = part < 0 ? 1 : 3;
        long outputs = expectedShape[0];
        CheckpointTensor whole = weight
                ? published.tensor(publishedName(name), expectedShape[1], outputs * parts)
                : published.tensor(publishedName(name), outputs * parts);
        long first = Math.max(0, part) * outputs;
        return weight
                ? new TransposedColumns(name, whole, first, outputs)
                : new ElementRange(name, whole, first, outputs);
    }

    private String publishedName(String name) {
        return prefix
                + name.replace("model.embed_tokens", "wte")
                        .replace("model.embed_positions", "wpe")
                        .replace("model.norm", "ln_f")
                        .replace("model.layers", "h")
                        .replace("input_layernorm", "ln_1")
                        .replace("post_attention_layernorm", "ln_2")
                        .replaceFirst("self_attn\\.[qkv]_proj", "attn.c_attn")
                        .replace("self_attn.o_proj", "attn.c_proj")
                        .replace("mlp.up_proj", "mlp.c_fc")
                        .replace("mlp.down_proj", "mlp.c_proj");
    }

    @Override
    public String fingerprint() {
        return published.fingerprint();
    }

    @Override
    public void close() {
        published.close();
    }

    /** Elements {@code first .. first + count - 1} of a tensor of one dimension. */
    private record ElementRange(String name, CheckpointTensor whole, long first, long count)
            implements CheckpointTensor {
        @Override
        public DType dtype() {
            return whole.dtype();
        }

        @Override
        public List<Long> shape() {
            return List.of(count);
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int elements) {
            whole.copyTo(first + from, target, targetOffset, elements);
        }
    }
}
