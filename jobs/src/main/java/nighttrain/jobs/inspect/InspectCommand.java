package nighttrain.jobs.inspect;

import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.WeightFormat;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.Terminal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain inspect}: shows a model's architecture, size and number of all-reduces; reads config.json alone. */
public final class InspectCommand implements Command {
    private final Terminal terminal;

    public InspectCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("inspect");
        command.usageMessage()
                .description("Shows a model's architecture, sizes by ranks and all-reduces per token, from config.json"
                        + " alone.")
                .customSynopsis("nighttrain inspect --model DIR");
        command.addOption(OptionSpec.builder("--model")
                .type(Path.class)
                .paramLabel("DIR")
                .required(true)
                .description("directory with a config.json; weights are not read")
                .build());
        command.addOption(Help.option());
        return command;
    }

    @Override
    public boolean usesSpark() {
        return false;
    }

    @Override
    public ExitCode run(ParseResult given) {
        Path model = given.matchedOptionValue("--model", Path.of("."));
        try (Checkpoint shape = Checkpoints.dummy(model)) {
            terminal.out().print(FootprintTable.of(model, shape.spec(), ModelFootprint.of(shape.spec())));
        }
        return ExitCode.FINISHED;
    }

    /** The table that {@code inspect} prints. Bytes are those of bf16, two per element, unless a line names another format. */
    private static final class FootprintTable {
        private static final int[] RANKS = {1, 2, 4, 8};

        private FootprintTable() {}

        static String of(Path model, ModelSpec config, ModelFootprint footprint) {
            StringBuilder out = new StringBuilder();
            line(out, "model", "%s (%s)", model, config.modelType());
            line(out, "architecture", "%s", footprint.architecture());
            line(out, "shape", "%s", shape(config));
            line(out, "block", "%s", String.join(", ", config.traits()));
            line(out, "parameters", "%,d (%s in bf16)", footprint.parameters(), bytes(footprint.parameters()));
            if (footprint.activeParameters() < footprint.parameters()) {
                line(out, "active", "%,d parameters per token, embedding included", footprint.activeParameters());
            }
            caches(out, config, footprint);
            line(
                    out,
                    "all-reduces",
                    "%d per forward pass: %d that the next module waits for, %d overlapped",
                    footprint.blockingSyncs() + footprint.overlappedSyncs(),
                    footprint.blockingSyncs(),
                    footprint.overlappedSyncs());
            line(out, "all-reduced", "%,d bytes per token and rank in bf16", footprint.syncBytesPerToken());
            out.append(String.format(
                    "%n  %5s  %16s  %9s  %14s%n",
                    "ranks",
                    "parameters/rank",
                    config.quantization().isPresent() ? "weights" : "bf16",
                    "KV bytes/token"));
            for (int ranks : RANKS) {
                out.append(perRank(config, ranks));
            }
            notIn8Bits(out, config);
            return out.toString();
        }

        /** Prints the memory that a sequence needs. */
        private static void caches(StringBuilder out, ModelSpec config, ModelFootprint footprint) {
            if (footprint.kvElementsPerToken() > 0) {
                line(
                        out,
                        "KV cache",
                        "%,d bytes per token in bf16, %,d with --kv-cache-dtype int8%s",
                        footprint.kvElementsPerToken() * Bfloat16.BYTES,
                        ModelFootprint.kvBytesPerRank(config.with(KvFormat.Choice.INT8), 1),
                        config.with(KvFormat.Choice.AUTO).kvFormat() == KvFormat.FP8 ? ", asks for fp8" : "");
            }
            if (footprint.stateBytesPerSequence() > 0) {
                line(
                        out,
                        "state",
                        "%,d bytes per sequence in fp32, of any length, and per snapshot (--prefix-cache); half in bf16 (--state-dtype)",
                        footprint.stateBytesPerSequence());
            }
        }

        private static void notIn8Bits(StringBuilder out, ModelSpec config) {
            for (int ranks : RANKS) {
                parametersPerRank(config, ranks)
                        .flatMap(divides -> ModelFootprint.notIn8Bits(config, ranks))
                        .ifPresent(why -> line(out, "fp8, " + Figures.count(ranks, "rank"), "%s", why));
            }
        }

        private static void line(StringBuilder out, String name, String format, Object... values) {
            out.append(String.format("  %-13s ", name))
                    .append(String.format(Locale.ROOT, format, values))
                    .append(System.lineSeparator());
        }

        private static String shape(ModelSpec config) {
            String each = config.hasTracks() ? config.trackCount() + " tracks, each " : "";
            Set<String> layers = new LinkedHashSet<>();
            config.layers().forEach(layer -> layers.add(layer.shape()));
            return String.format(
                    Locale.ROOT,
                    "%d layers, %shidden %d, %s; vocabulary %d, %d positions",
                    config.layers().size(),
                    each,
                    config.hiddenSize(),
                    String.join(" or ", layers),
                    config.vocabSize(),
                    config.maxPositions());
        }

        private static String perRank(ModelSpec config, int ranks) {
            Optional<Long> parameters = parametersPerRank(config, ranks);
            return parameters
                    .map(count -> String.format(
                            Locale.ROOT,
                            "  %5d  %,16d  %9s  %,14d%n",
                            ranks,
                            count,
                            size(ModelFootprint.gpuBytesPerRank(config.with(WeightFormat.Choice.AUTO), ranks)),
                            ModelFootprint.kvBytesPerRank(config.with(KvFormat.Choice.AUTO), ranks)))
                    .orElseGet(() -> String.format(Locale.ROOT, "  %5d  %16s%n", ranks, "does not divide"));
        }

        private static Optional<Long> parametersPerRank(ModelSpec config, int ranks) {
            try {
                return Optional.of(ModelFootprint.parametersPerRank(config, ranks));
            } catch (UserError doesNotDivide) {
                return Optional.empty();
            }
        }

        private static String bytes(long parameters) {
            return size(parameters * Bfloat16.BYTES);
        }

        private static String size(double bytes) {
            return bytes >= 1e9
                    ? String.format(Locale.ROOT, "%.1f GB", bytes / 1e9)
                    : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
        }
    }
}
