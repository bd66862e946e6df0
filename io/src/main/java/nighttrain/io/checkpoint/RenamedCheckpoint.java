package nighttrain.io.checkpoint;

import java.util.function.UnaryOperator;

/** A checkpoint whose family names its tensors otherwise, seen under llama's names. */
record RenamedCheckpoint(Checkpoint published, UnaryOperator<String> publishedName) implements Checkpoint {
    /** Phi: {@code dense} for o_proj, {@code fc1} and {@code fc2} for up and down, {@code final_layernorm} for the last. */
    static Checkpoint phi(Checkpoint published) {
        return new RenamedCheckpoint(
                published,
                name -> name.replace("self_attn.o_proj", "self_attn.dense")
                        .replace("mlp.up_proj", "mlp.fc1")
                        .replace("mlp.down_proj", "mlp.fc2")
                        .replace("model.norm.", "model.final_layernorm."));
    }

    @Override
    public ModelConfig config() {
        return published.config();
    }

    @Override
    public boolean has(String name) {
        return published.has(publishedName.apply(name));
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        return published.tensor(publishedName.apply(name), expectedShape);
    }

    @Override
    public String fingerprint() {
        return published.fingerprint();
    }

    @Override
    public void close() {
        published.close();
    }
}
