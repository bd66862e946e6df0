package nighttrain.jobs;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import nighttrain.executor.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.BlockConfig;
import nighttrain.io.checkpoint.ModelConfig;

/** What {@code inspect} prints. Bytes are those of bf16, two per element. */
final class FootprintTable {
    private static final int BF16_BYTES = 2;
    private static final int[] RANKS = {1, 2, 4, 8};

    private FootprintTable() {}

    static String of(Path model, ModelConfig config, ModelFootprint footprint) {
        StringBuilder out = new StringBuilder();
        line(out, "model", "%s (%s)", model, config.modelType());
        line(out, "architecture", "%s", footprint.architecture());
        line(out, "shape", "%s", shape(config));
        line(out, "block", "%s", block(config.block()));
        line(out, "parameters", "%,d (%s in bf16)", footprint.parameters(), bytes(footprint.parameters()));
        line(out, "KV cache", "%,d bytes per token in bf16", footprint.kvElementsPerToken() * BF16_BYTES);
        line(
                out,
                "syncs",
                "%d per forward pass: %d that the next module waits for, %d overlapped",
                footprint.blockingSyncs() + footprint.overlappedSyncs(),
                footprint.blockingSyncs(),
                footprint.overlappedSyncs());
        line(out, "sync bytes", "%,d per token and rank in bf16", footprint.syncElementsPerToken() * BF16_BYTES);
        out.append(String.format("%n  %5s  %16s  %9s  %14s%n", "ranks", "parameters/rank", "bf16", "KV bytes/token"));
        for (int ranks : RANKS) {
            out.append(perRank(config, footprint, ranks));
        }
        return out.toString();
    }

    private static void line(StringBuilder out, String name, String format, Object... values) {
        out.append(String.format("  %-13s ", name))
                .append(String.format(Locale.ROOT, format, values))
                .append(System.lineSeparator());
    }

    private static String shape(ModelConfig config) {
        String each = config.hasTracks() ? config.trackCount() + " tracks, each " : "";
        return String.format(
                Locale.ROOT,
                "%d layers, %shidden %d, %d heads (%d KV) of %d, MLP %d; vocabulary %d, %d positions",
                config.layers(),
                each,
                config.hiddenSize(),
                config.heads(),
                config.kvHeads(),
                config.headDim(),
                config.intermediateSize(),
                config.vocabSize(),
                config.maxPositions());
    }

    private static String block(BlockConfig block) {
        return (block.norm() == BlockConfig.Norm.RMS ? "RMSNorm" : "LayerNorm")
                + (block.mlp() == BlockConfig.Mlp.GATED_SILU ? ", SwiGLU" : ", GELU")
                + (block.learnedPositions() ? ", learned positions" : ", RoPE")
                + (block.qkNorm() ? ", QK-norm" : "")
                + (block.qkvBias() ? ", biases" : "");
    }

    private static String perRank(ModelConfig config, ModelFootprint footprint, int ranks) {
        Optional<Long> parameters = parametersPerRank(config, ranks);
        return parameters
                .map(count -> String.format(
                        Locale.ROOT,
                        "  %5d  %,16d  %9s  %,14d%n",
                        ranks,
                        count,
                        bytes(count),
                        footprint.kvElementsPerToken() * BF16_BYTES / ranks))
                .orElseGet(() -> String.format(Locale.ROOT, "  %5d  %16s%n", ranks, "does not divide"));
    }

    private static Optional<Long> parametersPerRank(ModelConfig config, int ranks) {
        try {
            return Optional.of(ModelFootprint.parametersPerRank(config, ranks));
        } catch (UserError doesNotDivide) {
            return Optional.empty();
        }
    }

    private static String bytes(long parameters) {
        double bytes = (double) parameters * BF16_BYTES;
        return bytes >= 1e9
                ? String.format(Locale.ROOT, "%.1f GB", bytes / 1e9)
                : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }
}
