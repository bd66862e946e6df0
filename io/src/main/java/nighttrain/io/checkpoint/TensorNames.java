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
        if (config.block().learnedPositions()) {
            names.add("model.embed_positions.weight", config.maxPositions(), hidden);
        }
        if (config.architecture() instanceof ArchitectureConfig.Kraken kraken) {
            names.addLinear("model.join", hidden, hidden * kraken.tracks(), true);
        }
        names.addNorm("model.norm");
        if (!config.tiedEmbeddings()) {
            names.addLinear(
                    "lm_head", config.vocabSize(), hidden, config.block().headBias());
        }
        for (int track = 0; track < config.trackCount(); track++) {
            String prefix = config.hasTracks() ? "model.tracks." + track + ".layers." : "model.layers.";
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
        BlockConfig block = config.block();
        addNorm(prefix + "input_layernorm");
        if (!(config.architecture() instanceof ArchitectureConfig.ParallelBlock)) {
            addNorm(prefix + "post_attention_layernorm");
        }
        addLinear(prefix + "self_attn.q_proj", queries, hidden, block.qkvBias());
        addLinear(prefix + "self_attn.k_proj", keys, hidden, block.qkvBias());
        addLinear(prefix + "self_attn.v_proj", keys, hidden, block.qkvBias());
        addLinear(prefix + "self_attn.o_proj", hidden, queries, block.outputBias());
        if (block.qkNorm()) {
            add(prefix + "self_attn.q_norm.weight", config.headDim());
            add(prefix + "self_attn.k_norm.weight", config.headDim());
        }
        if (block.mlp() == BlockConfig.Mlp.GATED_SILU) {
            addLinear(prefix + "mlp.gate_proj", ffn, hidden, block.mlpBias());
        }
        addLinear(prefix + "mlp.up_proj", ffn, hidden, block.mlpBias());
        addLinear(prefix + "mlp.down_proj", hidden, ffn, block.mlpBias());
    }

    private void addNorm(String name) {
        add(name + ".weight", config.hiddenSize());
        if (config.block().norm() == BlockConfig.Norm.LAYER) {
            add(name + ".bias", config.hiddenSize());
        }
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
