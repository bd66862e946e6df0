package nighttrain.io.checkpoint;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ArchitectureConfig.Tracks.Combine;

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
        return family == Family.GPT2 ? Gpt2Config.parse(json) : parse(json, family);
    }

    private static ModelConfig parse(ConfigJson json, Family family) {
        int layers = json.requiredSize("num_hidden_layers");
        int hiddenSize = json.requiredSize("hidden_size");
        int heads = json.requiredSize("num_attention_heads");
        int maxPositions = json.size("max_position_embeddings", family.maxPositions());
        int headDim = headDim(json, family, hiddenSize, heads);
        return new ModelConfig(
                family.modelType(),
                layers,
                hiddenSize,
                json.requiredSize("intermediate_size"),
                heads,
                kvHeads(json, family, heads),
                headDim,
                json.requiredSize("vocab_size"),
                maxPositions,
                BlockConfigs.of(json, family, maxPositions, headDim, windows(json, family, layers)),
                json.flag("tie_word_embeddings", false),
                architecture(json, family, layers));
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
            case LLAMA, PHI, GPT2, PARALLEL_TRACK, KRAKEN -> Collections.nCopies(layers, 0);
            case MISTRAL -> Collections.nCopies(layers, mistralWindow(json));
            case QWEN2, QWEN3 -> QwenWindows.of(json, layers);
        };
    }

    private static int mistralWindow(ConfigJson json) {
        boolean explicitNull = json.node().has("sliding_window") && !json.has("sliding_window");
        return explicitNull ? 0 : json.size("sliding_window", 4096);
    }

    private static ArchitectureConfig architecture(ConfigJson json, Family family, int layers) {
        boolean parallelBlock = json.flag("parallel_block", family == Family.PHI);
        int ladderLayers = ladderLayers(json, layers);
        if (parallelBlock && ladderLayers > 0) {
            throw json.bad("ladder_layers", "0 where parallel_block is true");
        }
        if ((parallelBlock || ladderLayers > 0) && (family == Family.PARALLEL_TRACK || family == Family.KRAKEN)) {
            throw json.bad("model_type", "tracks are neither ladders nor parallel blocks; drop those keys");
        }
        if (family == Family.PARALLEL_TRACK) {
            return tracks(json, layers);
        }
        if (family == Family.KRAKEN) {
            return new ArchitectureConfig.Kraken(json.requiredSize("num_tracks"));
        }
        if (parallelBlock) {
            return new ArchitectureConfig.ParallelBlock();
        }
        return ladderLayers > 0 ? new ArchitectureConfig.Ladder(ladderLayers) : new ArchitectureConfig.Dense();
    }

    private static int ladderLayers(ConfigJson json, int layers) {
        if (!json.has("ladder_layers") || json.node().get("ladder_layers").asInt(-1) == 0) {
            return 0;
        }
        int ladderLayers = json.size("ladder_layers", 0);
        if (ladderLayers > layers) {
            throw json.bad("ladder_layers", "at most num_hidden_layers, " + layers);
        }
        return ladderLayers;
    }

    private static ArchitectureConfig tracks(ConfigJson json, int layers) {
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
            case "mean" -> new ArchitectureConfig.Tracks(count, depth, Combine.MEAN);
            case "sum" -> new ArchitectureConfig.Tracks(count, depth, Combine.SUM);
            default -> throw json.bad("track_combine", "mean or sum");
        };
    }
}
