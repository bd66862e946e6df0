package nighttrain.io.checkpoint;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * Reads {@code config.json} as Hugging Face transformers 5.23 does: same keys, old and new, and same defaults for those that
 * are absent. Only the five sizes without which there is no model have no default here.
 */
final class ModelConfigs {
    private ModelConfigs() {}

    /**
     * Reads and checks the file.
     *
     * @throws UserError where it is missing, is not JSON, lacks a key or asks for what no engine here can do
     */
    static ModelConfig read(Path configFile) {
        return parse(new ConfigJson(JsonFile.read(configFile), configFile.toString()));
    }

    private static ModelConfig parse(ConfigJson json) {
        Family family = Family.of(json);
        refuseUnsupported(json);
        int layers = json.requiredSize("num_hidden_layers");
        int hiddenSize = json.requiredSize("hidden_size");
        int heads = json.requiredSize("num_attention_heads");
        int maxPositions = json.size("max_position_embeddings", family.maxPositions());
        Rope rope = Rope.of(json, maxPositions);
        return new ModelConfig(
                family.modelType(),
                layers,
                hiddenSize,
                json.requiredSize("intermediate_size"),
                heads,
                kvHeads(json, family, heads),
                headDim(json, family, hiddenSize, heads),
                json.requiredSize("vocab_size"),
                maxPositions,
                json.positive("rms_norm_eps", 1e-6),
                rope.theta(),
                rope.scaling(),
                family.qkvBias(json),
                family.outputBias(json),
                family.mlpBias(json),
                family == Family.QWEN3,
                windows(json, family, layers),
                json.flag("tie_word_embeddings", false),
                family == Family.PARALLEL_TRACK ? Optional.of(tracks(json, layers)) : Optional.empty());
    }

    private static void refuseUnsupported(ConfigJson json) {
        String activation = json.text("hidden_act", "silu");
        if (!activation.equals("silu") && !activation.equals("swish")) {
            throw json.bad("hidden_act", "only silu is supported; choose another model");
        }
        // Weights of these have the same names as a dense model's: run as one, they would answer nonsense.
        if (json.flag("parallel_block", false)) {
            throw json.bad("parallel_block", "not supported yet; choose a model without it");
        }
        if (json.has("ladder_layers") && json.node().get("ladder_layers").asInt() != 0) {
            throw json.bad("ladder_layers", "not supported yet; choose a model without it");
        }
    }

    private static int kvHeads(ConfigJson json, Family family, int heads) {
        // An explicit null means "as many as heads"; an absent key means the family's default.
        boolean absent = !json.node().has("num_key_value_heads");
        int kvHeads = json.size("num_key_value_heads", absent ? family.kvHeads(heads) : heads);
        if (heads % kvHeads != 0) {
            throw UserError.of(
                    "bad num_key_value_heads in " + json.file(),
                    kvHeads,
                    "must divide num_attention_heads, " + heads + "; correct it");
        }
        return kvHeads;
    }

    private static int headDim(ConfigJson json, Family family, int hiddenSize, int heads) {
        boolean absent = !json.node().has("head_dim");
        int headDim = json.size("head_dim", absent && family == Family.QWEN3 ? 128 : hiddenSize / heads);
        if (!json.has("head_dim") && family != Family.QWEN3 && hiddenSize % heads != 0) {
            throw UserError.of(
                    "bad num_attention_heads in " + json.file(),
                    heads,
                    "must divide hidden_size, " + hiddenSize + "; correct it or give head_dim");
        }
        if (headDim < 2 || headDim % 2 != 0) {
            throw UserError.of(
                    "bad head_dim in " + json.file(), headDim, "must be even, for rotary positions; correct it");
        }
        return headDim;
    }

    private static List<Integer> windows(ConfigJson json, Family family, int layers) {
        return switch (family) {
            case LLAMA, PARALLEL_TRACK -> Collections.nCopies(layers, 0);
            case MISTRAL -> Collections.nCopies(layers, mistralWindow(json));
            case QWEN2, QWEN3 -> QwenWindows.of(json, layers);
        };
    }

    private static int mistralWindow(ConfigJson json) {
        boolean explicitNull = json.node().has("sliding_window") && !json.has("sliding_window");
        return explicitNull ? 0 : json.size("sliding_window", 4096);
    }

    private static TrackConfig tracks(ConfigJson json, int layers) {
        int count = json.requiredSize("num_tracks");
        int depth = json.requiredSize("track_block_depth");
        if (layers % depth != 0) {
            throw UserError.of(
                    "bad track_block_depth in " + json.file(),
                    depth,
                    "must divide num_hidden_layers, " + layers + ", so that the tracks meet after the last layer;"
                            + " correct it");
        }
        return switch (json.text("track_combine", "mean")) {
            case "mean" -> new TrackConfig(count, depth, TrackConfig.Combine.MEAN);
            case "sum" -> new TrackConfig(count, depth, TrackConfig.Combine.SUM);
            default -> throw json.bad("track_combine", "mean or sum");
        };
    }
}
