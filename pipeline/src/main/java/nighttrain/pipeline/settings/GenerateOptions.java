package nighttrain.pipeline.settings;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Layout;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.io.UserError;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.label.LabelOptions;
import nighttrain.pipeline.label.Labels;
import nighttrain.pipeline.row.OpenAiBatch;
import nighttrain.pipeline.row.PromptText;
import nighttrain.pipeline.row.Prompts;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowKind.PromptForm;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.settings.Settings.Precision;

/**
 * The settings of a generation job, typed and checked.
 *
 * @param settings the values that all of these were made from
 * @param model checkpoint directory, at this path on every node
 * @param engine configuration of each executor's engine
 * @param decoding how outputs are generated
 * @param samples outputs per row
 * @param dedup whether identical requests are computed once
 * @param prompts where prompts come from
 * @param input where rows come from
 * @param output where results go
 */
public record GenerateOptions(
        SettingValues settings,
        String model,
        EngineConfig engine,
        Decoding decoding,
        int samples,
        boolean dedup,
        PromptOptions prompts,
        InputOptions input,
        OutputOptions output) {
    /** Upper limit of outputs per row. */
    public static final int MAX_SAMPLES = 1000;

    private static final int LONG_OUTPUT = 1024;

    public GenerateOptions {
        if (decoding.stop().contains("")) {
            throw UserError.of("bad value of --stop", "\"\"", "at least one character; leave it out for none");
        }
        if (samples < 1 || samples > MAX_SAMPLES) {
            throw UserError.of("bad value of --n", samples, "1 to " + MAX_SAMPLES + "; leave it out for 1");
        }
        if (dedup && !decoding.sampling().isGreedy()) {
            throw UserError.of(
                    "--dedup needs greedy sampling",
                    "temperature " + decoding.sampling().temperature(),
                    "each row samples a text of its own; leave out --dedup or --temperature");
        }
    }

    /**
     * Types and checks the values.
     *
     * @throws UserError for a value that is missing, contradictory or out of range
     */
    public static GenerateOptions of(SettingValues values) {
        checkPrecision(values);
        Optional<LabelOptions> labels = LabelSettings.of(values);
        InputOptions input = InputOptions.of(values, labels);
        return new GenerateOptions(
                values,
                values.get(Settings.MODEL),
                engine(values),
                decoding(values, labels.isPresent()),
                labels.isPresent() ? 1 : values.get(Settings.SAMPLES),
                values.get(Settings.DEDUP),
                PromptOptions.of(values, labels),
                input,
                OutputOptions.of(values, input.kind()));
    }

    /** Returns these options with another row kind. */
    public GenerateOptions with(RowKind kind) {
        InputOptions rows =
                new InputOptions(kind, input.path, input.format, input.formatOptions, input.idColumn, input.limit);
        return new GenerateOptions(settings, model, engine, decoding, samples, dedup, prompts, rows, output);
    }

    /** Whether weights are random instead of the checkpoint's. */
    public boolean dummyWeights() {
        return settings.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY;
    }

    /** Returns the constraint on outputs. */
    public Optional<Constraint> constraint() {
        return Optional.ofNullable(decoding.constraint());
    }

    /**
     * Returns the row kind, prepared with the model's tokenizer.
     *
     * @param form how prompts are made
     * @throws UserError if the row kind does not suit the model or the prompts
     */
    public RowKind kind(Tokenizer tokenizer, PromptForm form) {
        Path dir = Path.of(model);
        PromptText text = new PromptText(tokenizer, () -> prompts.chat().open(dir), prompts.system());
        return input.kind().prepared(text, form);
    }

    /** Returns the engine's configuration; the plugin reads it before any job is known. */
    public static EngineConfig engine(SettingValues values) {
        return new EngineConfig(
                values.get(Settings.BACKEND),
                new Layout(values.get(Settings.REPLICAS), values.get(Settings.RANKS)),
                new StepConfig(
                        values.get(Settings.MAX_NUM_SEQS),
                        values.get(Settings.MAX_NUM_BATCHED_TOKENS),
                        values.get(Settings.MAX_MODEL_LEN)),
                new KvConfig(
                        values.get(Settings.PAGE_TOKENS),
                        values.get(Settings.KV_PAGES),
                        values.get(Settings.PREFIX_CACHE),
                        values.get(Settings.KV_CACHE_DTYPE)),
                values.get(Settings.THREADS),
                new GpuConfig(
                        List.of(),
                        values.get(Settings.GPU_MEMORY_UTILIZATION),
                        values.get(Settings.DETERMINISTIC),
                        false),
                new Lengths(0, expectedOutput(values)),
                values.get(Settings.QUANTIZATION),
                values.get(Settings.STATE_DTYPE));
    }

    /**
     * Returns the output length in tokens that is assumed until outputs are measured. Few outputs exceed a thousand tokens, whatever the
     * limit; labels are scored in one step.
     */
    private static int expectedOutput(SettingValues values) {
        if (LabelSettings.isLabelJob(values)) {
            return 1;
        }
        int most = Math.max(1, values.get(Settings.MAX_TOKENS));
        return values.get(Settings.IGNORE_EOS) ? most : Math.min(most, LONG_OUTPUT);
    }

    /** Returns how outputs are generated. Labels are scored: nothing is sampled, so stop strings and constraints do not apply. */
    private static Decoding decoding(SettingValues values, boolean labels) {
        return new Decoding(
                labels ? SamplingParams.greedy(1) : sampling(values),
                labels ? List.of() : values.get(Settings.STOP),
                values.get(Settings.SEED),
                labels ? null : ConstraintOptions.of(values).orElse(null),
                values.get(Settings.LOGPROBS_BEFORE_CONSTRAINT));
    }

    private static SamplingParams sampling(SettingValues values) {
        Optional<Integer> logprobs = values.find(Settings.LOGPROBS);
        if (logprobs.isPresent() && logprobs.get() < 0) {
            throw UserError.of(
                    "bad value of --logprobs",
                    logprobs.get(),
                    "0 to " + SamplingParams.MAX_LOGPROBS + "; leave it out for none");
        }
        return new SamplingParams(
                values.get(Settings.MAX_TOKENS),
                values.get(Settings.TEMPERATURE),
                new Filter(values.get(Settings.TOP_K), values.get(Settings.TOP_P), values.get(Settings.MIN_P)),
                new Penalties(
                        values.get(Settings.REPETITION_PENALTY),
                        values.get(Settings.PRESENCE_PENALTY),
                        values.get(Settings.FREQUENCY_PENALTY)),
                logprobs.orElse(-1),
                values.get(Settings.PROMPT_LOGPROBS),
                values.get(Settings.IGNORE_EOS));
    }

    /** Refuses a number format that the backend does not compute in. */
    public static void checkPrecision(SettingValues values) {
        if (values.get(Settings.DTYPE) == Precision.BF16 && values.get(Settings.BACKEND) != Backend.CUDA) {
            throw UserError.of(
                    "bad value of --dtype",
                    "bf16",
                    "the CPU computes in fp32; leave --dtype out, bf16 checkpoints are read all the same");
        }
        if (values.get(Settings.DTYPE) == Precision.FP32 && values.get(Settings.BACKEND) == Backend.CUDA) {
            throw UserError.of("bad value of --dtype", "fp32", "GPUs compute in bf16; leave --dtype out");
        }
    }

    /**
     * Where results are written and what they contain.
     *
     * @param path output directory
     * @param keepColumns input columns to copy
     * @param tokenIds whether to write token ids
     * @param overwrite whether to delete an earlier run's output first
     * @param overwriteOther whether to delete that output where it is another job's
     * @param resume whether to resume an unfinished earlier run
     * @param retryErrors whether to try failed rows of earlier runs again, also where the job is finished
     * @param maxRowErrors how many rows may fail
     */
    public record OutputOptions(
            String path,
            List<String> keepColumns,
            boolean tokenIds,
            boolean overwrite,
            boolean overwriteOther,
            boolean resume,
            boolean retryErrors,
            MaxRowErrors maxRowErrors) {
        public OutputOptions {
            keepColumns = List.copyOf(keepColumns);
        }

        /** Whether the output of an earlier run is deleted first; {@code another}: whether that run was of another job. */
        public boolean replaces(boolean another) {
            return overwrite || (overwriteOther && another);
        }

        /** Returns the columns to keep; those of the row kind come first. */
        private static List<String> keepColumns(SettingValues values, RowKind kind) {
            List<String> asked = values.get(Settings.KEEP_COLUMNS);
            Stream<String> own = kind.keptColumns().keySet().stream().filter(name -> !asked.contains(name));
            return Stream.concat(own, asked.stream()).toList();
        }

        static OutputOptions of(SettingValues values, RowKind kind) {
            return new OutputOptions(
                    values.get(Settings.OUTPUT_PATH),
                    keepColumns(values, kind),
                    values.get(Settings.TOKEN_IDS),
                    values.get(Settings.OVERWRITE),
                    values.get(Settings.OVERWRITE_OTHER),
                    values.get(Settings.RESUME),
                    values.get(Settings.RETRY_ERRORS),
                    values.get(Settings.MAX_ROW_ERRORS));
        }
    }

    /**
     * Where rows come from.
     *
     * @param kind kind of the rows
     * @param path file, directory or pattern; empty where a Dataset is given instead
     * @param format name of a Spark source
     * @param formatOptions options of that source
     * @param idColumn column that names rows in the results; empty: file and position name them
     * @param limit number of rows to read from the start
     */
    public record InputOptions(
            RowKind kind,
            Optional<String> path,
            String format,
            Map<String, String> formatOptions,
            Optional<String> idColumn,
            Optional<Long> limit) {
        public InputOptions {
            formatOptions = Map.copyOf(formatOptions);
            limit.filter(rows -> rows < 1).ifPresent(rows -> {
                throw UserError.of("bad value of --limit", rows, "at least 1; leave it out for all rows");
            });
        }

        /** Returns Spark's name of a format. JSON with one object a line has three names; Spark knows only {@code json}. */
        private static String format(String name) {
            return name.equalsIgnoreCase("jsonl") || name.equalsIgnoreCase("ndjson") ? "json" : name;
        }

        static InputOptions of(SettingValues values, Optional<LabelOptions> labels) {
            Map<String, String> options = new LinkedHashMap<>();
            for (String option : values.get(Settings.FORMAT_OPTION)) {
                int equals = option.indexOf('=');
                if (equals < 1) {
                    throw UserError.of("bad value of --format-option", option, "K=V; write for example header=false");
                }
                options.put(option.substring(0, equals), option.substring(equals + 1));
            }
            boolean batch = values.get(Settings.FORMAT).equalsIgnoreCase(OpenAiBatch.FORMAT);
            RowKind kind = labels.<RowKind>map(Labels::of).orElseGet(() -> batch ? new OpenAiBatch() : new Prompts());
            return new InputOptions(
                    kind,
                    values.find(Settings.INPUT_PATH),
                    format(values.get(Settings.FORMAT)),
                    options,
                    values.find(Settings.ID_COLUMN).or(kind::idColumn),
                    values.find(Settings.LIMIT));
        }
    }
}
