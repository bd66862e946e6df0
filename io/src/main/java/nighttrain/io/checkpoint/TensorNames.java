package nighttrain.io.checkpoint;

import java.util.HashMap;
import java.util.Map;

/** The tensors that a model of a given config has, with their shapes: Hugging Face's names, and ours for tracks. */
final class TensorNames {
    private final Map<String, long[]> shapes = new HashMap<>();
    private final ModelConfig config;

    private TensorNames(ModelConfig config) {
        this.config = config;
    }

    /** Tensor name to shape, outermost dimension first. */
    static Map<String, long[]> of(ModelConfig config) {
        TensorNames names = new TensorNames(config);
        long hidden = config.hiddenSize();
        names.add("model.embed_tokens.weight", config.vocabSize(), hidden);
        names.add("model.norm.weight", hidden);
        if (!config.tiedEmbeddings()) {
            names.add("lm_head.weight", config.vocabSize(), hidden);
        }
        for (int track = 0; track < config.trackCount(); track++) {
            String prefix = config.tracks().isPresent() ? "model.tracks." + track + ".layers." : "model.layers.";
            for (int layer = 0; layer < config.layers(); layer++) {
                names.addLayer(prefix + layer + ".");
            }
        }
        return names.shapes;
    }

    private void addLayer(String prefix) {
        long hidden = config.hiddenSize();
        long ffn = config.intermediateSize();
        long queries = (long) config.heads() * config.headDim();
        long keys = (long) config.kvHeads() * config.headDim();
        add(prefix + "input_layernorm.weight", hidden);
        add(prefix + "post_attention_layernorm.weight", hidden);
        addLinear(prefix + "self_attn.q_proj", queries, hidden, config.qkvBias());
        addLinear(prefix + "self_attn.k_proj", keys, hidden, config.qkvBias());
        addLinear(prefix + "self_attn.v_proj", keys, hidden, config.qkvBias());
        addLinear(prefix + "self_attn.o_proj", hidden, queries, config.outputBias());
        if (config.qkNorm()) {
            add(prefix + "self_attn.q_norm.weight", config.headDim());
            add(prefix + "self_attn.k_norm.weight", config.headDim());
        }
        addLinear(prefix + "mlp.gate_proj", ffn, hidden, config.mlpBias());
        addLinear(prefix + "mlp.up_proj", ffn, hidden, config.mlpBias());
        addLinear(prefix + "mlp.down_proj", hidden, ffn, config.mlpBias());
    }

    private void addLinear(String prefix, long outputs, long inputs, boolean bias) {
        add(prefix + ".weight", outputs, inputs);
        if (bias) {
            add(prefix + ".bias", outputs);
        }
    }

    private void add(String name, long... shape) {
        shapes.put(name, shape);
    }
}
