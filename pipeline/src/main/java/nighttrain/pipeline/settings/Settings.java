package nighttrain.pipeline.settings;

import static nighttrain.pipeline.settings.Setting.OutputEffect.BY_CONTENT;
import static nighttrain.pipeline.settings.Setting.OutputEffect.BY_OTHER_VALUE;
import static nighttrain.pipeline.settings.Setting.OutputEffect.BY_VALUE;
import static nighttrain.pipeline.settings.Setting.OutputEffect.NONE;
import static nighttrain.pipeline.settings.Setting.OutputEffect.OF_ALL_ROWS;
import static nighttrain.pipeline.settings.Setting.SettingGroup.ENGINE;
import static nighttrain.pipeline.settings.Setting.SettingGroup.INPUT;
import static nighttrain.pipeline.settings.Setting.SettingGroup.OUTPUT;
import static nighttrain.pipeline.settings.Setting.SettingGroup.PROMPT;
import static nighttrain.pipeline.settings.Setting.SettingGroup.SAMPLING;
import static nighttrain.pipeline.settings.Setting.SettingGroup.TIME;
import static nighttrain.pipeline.settings.SettingType.DIRECTORY;
import static nighttrain.pipeline.settings.SettingType.INTEGER;
import static nighttrain.pipeline.settings.SettingType.ITEMS;
import static nighttrain.pipeline.settings.SettingType.LONG;
import static nighttrain.pipeline.settings.SettingType.NAMES;
import static nighttrain.pipeline.settings.SettingType.PATH;
import static nighttrain.pipeline.settings.SettingType.REAL;
import static nighttrain.pipeline.settings.SettingType.SWITCH;
import static nighttrain.pipeline.settings.SettingType.TEXT;
import static nighttrain.pipeline.settings.SettingType.TEXTS;
import static nighttrain.pipeline.settings.SettingType.choice;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType.Durations;

/** The table of all settings, from which command line, Spark conf, config file and documentation are derived. */
public final class Settings {
    private static final EngineConfig ASKED = EngineConfig.defaults();
    /** All settings in the order of their declaration; each constant below adds itself. */
    private static final List<Setting<?>> ALL = new ArrayList<>();

    public static final Setting<String> MODEL = required(
            "model",
            DIRECTORY,
            "DIR",
            "checkpoint directory, at this path on every node",
            SettingGroup.MODEL,
            BY_CONTENT);
    public static final Setting<LoadFormat> LOAD_FORMAT = of(
            "loadFormat",
            choice(LoadFormat.class),
            LoadFormat.AUTO,
            "auto|dummy",
            "dummy: seeded random weights, to measure speed without a checkpoint",
            SettingGroup.MODEL,
            BY_VALUE);
    public static final Setting<Precision> DTYPE = of(
            "dtype",
            choice(Precision.class),
            Precision.AUTO,
            "auto|fp32|bf16",
            "number format of the computation; the CPU computes in fp32",
            SettingGroup.MODEL,
            NONE);
    public static final Setting<WeightFormat.Choice> QUANTIZATION = of(
            "quantization",
            choice(WeightFormat.Choice.class),
            ASKED.weights(),
            "auto|none|fp8",
            "weights of layers in 8 bits: auto as the checkpoint stores them, fp8 all but the last feed-forward",
            SettingGroup.MODEL,
            BY_VALUE);
    public static final Setting<KvFormat.Choice> KV_CACHE_DTYPE = of(
            "kvCacheDtype",
            choice(KvFormat.Choice.class),
            ASKED.kv().format(),
            "auto|bf16|fp8|int8",
            "keys and values: int8 and the coarser fp8 are half as large as bf16; auto as the checkpoint asks",
            SettingGroup.MODEL,
            BY_OTHER_VALUE);

    public static final Setting<StateFormat> STATE_DTYPE = of(
            "stateDtype",
            choice(StateFormat.class),
            ASKED.states(),
            "fp32|bf16",
            "number format of the states that recurrent layers keep; bf16 takes half the memory",
            SettingGroup.MODEL,
            BY_VALUE);

    public static final Setting<String> INPUT_PATH = optional(
            "input", PATH, "PATH", "prompts: a file, a directory or a pattern, any Hadoop URI", INPUT, BY_CONTENT);
    public static final Setting<String> FORMAT = of(
            "format",
            TEXT,
            "parquet",
            "NAME",
            "format of the input: csv with a header line, jsonl, openai-batch, or any other Spark source",
            INPUT,
            BY_CONTENT);
    public static final Setting<List<String>> FORMAT_OPTION =
            of("formatOption", TEXTS, List.of(), "K=V", "an option of that format; may be repeated", INPUT, BY_CONTENT);
    public static final Setting<String> ID_COLUMN = optional(
            "idColumn",
            TEXT,
            "COLUMN",
            "column that names rows in the results (default: file and row position)",
            INPUT,
            BY_VALUE);
    public static final Setting<Long> LIMIT =
            optional("limit", LONG, "N", "read only the first N rows", INPUT, BY_VALUE);

    public static final Setting<String> PROMPT_COLUMN = optional(
            "promptColumn",
            TEXT,
            "COLUMN",
            "text column to complete (default: prompt, else messages)",
            PROMPT,
            BY_CONTENT);
    public static final Setting<String> MESSAGES_COLUMN = optional(
            "messagesColumn",
            TEXT,
            "COLUMN",
            "conversation column, sent through the model's chat template",
            PROMPT,
            BY_CONTENT);
    public static final Setting<String> PROMPT_TEXT = optional(
            "prompt",
            TEXT,
            "TEXT",
            "prompt for every row, with {column} in it; {{ and }} are braces",
            PROMPT,
            BY_CONTENT);
    public static final Setting<String> PROMPT_FILE =
            optional("promptFile", TEXT, "FILE", "as --prompt, read from a local file", PROMPT, BY_CONTENT);
    public static final Setting<String> SYSTEM = optional(
            "system",
            TEXT,
            "TEXT",
            "system message before every prompt; turns plain prompts into a chat",
            PROMPT,
            BY_VALUE);
    public static final Setting<String> CHAT_TEMPLATE = optional(
            "chatTemplate",
            TEXT,
            "FILE",
            "chat template that replaces the model's, read from a local file",
            PROMPT,
            BY_CONTENT);
    public static final Setting<String> CHAT_TEMPLATE_ARGS = optional(
            "chatTemplateArgs",
            TEXT,
            "JSON",
            "variables of the chat template, such as {\"enable_thinking\": false}",
            PROMPT,
            BY_VALUE);
    public static final Setting<Truncation> TRUNCATE = of(
            "truncate",
            choice(Truncation.class),
            Truncation.NONE,
            "none|left|right",
            "end of a prompt to cut when the prompt is longer than the context",
            PROMPT,
            BY_VALUE);

    public static final Setting<List<String>> LABELS = of(
            "labels",
            ITEMS,
            List.of(),
            "A,B",
            "labels, of which each row gets the most likely one",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<String> LABELS_FILE = optional(
            "labelsFile",
            TEXT,
            "FILE",
            "labels as lines of JSON: name, and if wanted text (what is scored) and description (for the prompt)",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<String> EXAMPLES = optional(
            "examples",
            TEXT,
            "FILE",
            "rows with their labels, as lines of JSON such as {\"text\": \"...\", \"label\": \"...\"}, put before every prompt",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<Boolean> MULTI = of(
            "multi",
            SWITCH,
            false,
            "",
            "ask about each label by itself, with yes or no for an answer; a row may get several labels",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<Double> THRESHOLD = of(
            "threshold",
            REAL,
            0.5,
            "P",
            "with --multi: a row gets the labels that are at least this probable",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<Double> ABSTAIN_BELOW = of(
            "abstainBelow",
            REAL,
            0.0,
            "P",
            "give no label to rows whose confidence is below this",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<Boolean> CALIBRATE = of(
            "calibrate",
            SWITCH,
            false,
            "",
            "divide probabilities by those of a prompt without content, against a model's bias for some labels",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<Boolean> LENGTH_NORMALISE = of(
            "lengthNormalise",
            SWITCH,
            false,
            "",
            "compare labels by the mean log-probability of their tokens, not by the sum",
            SettingGroup.LABELS,
            BY_CONTENT);
    public static final Setting<String> GOLD = optional(
            "gold",
            TEXT,
            "COLUMN",
            "input column with the right labels; summary.json and report.html say how well they are met",
            SettingGroup.LABELS,
            OF_ALL_ROWS);
    public static final Setting<Integer> REVIEW = of(
            "review",
            INTEGER,
            0,
            "N",
            "write the N least certain rows, spread over labels, to review and review-csv; 0: none",
            SettingGroup.LABELS,
            OF_ALL_ROWS);

    public static final Setting<Integer> MAX_TOKENS =
            of("maxTokens", INTEGER, 256, "N", "most tokens to generate per row", SAMPLING, BY_VALUE);
    public static final Setting<Double> TEMPERATURE = of(
            "temperature",
            REAL,
            0.0,
            "X",
            "0: the most likely token; higher values give more varied text",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Double> TOP_P = of(
            "topP",
            REAL,
            1.0,
            "X",
            "sample from the fewest most likely tokens whose probabilities add up to X; applied after top-k",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Integer> TOP_K = of(
            "topK",
            INTEGER,
            0,
            "N",
            "sample from the N most likely tokens; 0: all; applied before top-p",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Double> MIN_P = of(
            "minP",
            REAL,
            0.0,
            "X",
            "drop tokens below X times the probability of the most likely one; applied after top-p",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Double> REPETITION_PENALTY = of(
            "repetitionPenalty",
            REAL,
            1.0,
            "X",
            "values above 1 discourage tokens of the prompt and the output",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Double> PRESENCE_PENALTY = of(
            "presencePenalty",
            REAL,
            0.0,
            "X",
            "values above 0 discourage tokens of the output, once each",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Double> FREQUENCY_PENALTY = of(
            "frequencyPenalty",
            REAL,
            0.0,
            "X",
            "values above 0 discourage tokens of the output, by their count",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Long> SEED = of("seed", LONG, 0L, "N", "seed of sampling", SAMPLING, BY_VALUE);
    public static final Setting<List<String>> STOP = of(
            "stop",
            TEXTS,
            List.of(),
            "TEXT",
            "end the output before this text, which may be or contain a special token; may be repeated",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Integer> SAMPLES = of("n", INTEGER, 1, "N", "outputs per row", SAMPLING, BY_VALUE);
    public static final Setting<Boolean> DEDUP =
            of("dedup", SWITCH, false, "", "compute identical requests once; needs greedy sampling", SAMPLING, NONE);
    public static final Setting<Integer> LOGPROBS = optional(
            "logprobs",
            INTEGER,
            "K",
            "write log-probabilities of the output tokens and of the K most likely tokens at each position",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Boolean> PROMPT_LOGPROBS = of(
            "promptLogprobs",
            SWITCH,
            false,
            "",
            "write log-probabilities of the prompt's tokens, and their total",
            SAMPLING,
            BY_VALUE);
    public static final Setting<Boolean> IGNORE_EOS = of(
            "ignoreEos",
            SWITCH,
            false,
            "",
            "generate --max-tokens tokens, past the end token of the model",
            SAMPLING,
            BY_VALUE);

    public static final Setting<List<String>> CHOICES = optional(
            "choices", ITEMS, "A,B", "the output is one of these texts, separated by commas", SAMPLING, BY_CONTENT);
    public static final Setting<String> CHOICES_FILE = optional(
            "choicesFile",
            TEXT,
            "FILE",
            "as --choices, read from a local file with a text a line",
            SAMPLING,
            BY_CONTENT);
    public static final Setting<String> REGEX = optional(
            "regex",
            TEXT,
            "REGEX",
            "the output matches this regular expression, from beginning to end",
            SAMPLING,
            BY_CONTENT);
    public static final Setting<String> JSON_SCHEMA = optional(
            "jsonSchema",
            TEXT,
            "FILE|JSON",
            "the output is JSON that satisfies this schema: a local file, or the schema itself",
            SAMPLING,
            BY_CONTENT);
    public static final Setting<String> CONSTRAIN_AFTER = optional(
            "constrainAfter",
            TEXT,
            "TEXT",
            "the output is free until this text, such as </think>, and constrained after it",
            SAMPLING,
            BY_CONTENT);
    public static final Setting<Boolean> LOGPROBS_BEFORE_CONSTRAINT = of(
            "logprobsBeforeConstraint",
            SWITCH,
            false,
            "",
            "write log-probabilities as they are without the constraint",
            SAMPLING,
            BY_VALUE);

    public static final Setting<String> OUTPUT_PATH =
            required("output", PATH, "PATH", "directory for results, any Hadoop URI", OUTPUT, NONE);
    public static final Setting<String> OUTPUT_TABLE = optional(
            "outputTable",
            TEXT,
            "NAME",
            "Delta or Iceberg table that gets the results, too, in one commit; made where there is none",
            OUTPUT,
            NONE);
    public static final Setting<TableMode> TABLE_MODE = of(
            "tableMode",
            choice(TableMode.class),
            TableMode.MERGE,
            "merge|append",
            "merge: rows of that table with the same id are replaced; append: all rows are added",
            OUTPUT,
            NONE);
    public static final Setting<List<String>> KEEP_COLUMNS =
            of("keepColumns", NAMES, List.of(), "A,B", "input columns to copy to the results", OUTPUT, BY_VALUE);
    public static final Setting<Boolean> TOKEN_IDS =
            of("tokenIds", SWITCH, false, "", "write the token ids of the output, too", OUTPUT, BY_VALUE);
    public static final Setting<Boolean> OVERWRITE =
            of("overwrite", SWITCH, false, "", "first delete what an earlier run wrote to --output", OUTPUT, NONE);
    public static final Setting<Boolean> OVERWRITE_OTHER = of(
            "overwriteOther",
            SWITCH,
            false,
            "",
            "as --overwrite where another job wrote to --output; an earlier run of the same job is resumed",
            OUTPUT,
            NONE);
    public static final Setting<Boolean> RESUME =
            of("resume", SWITCH, true, "", "resume an earlier run of the same job", OUTPUT, NONE);
    public static final Setting<Boolean> RETRY_ERRORS = of(
            "retryErrors",
            SWITCH,
            false,
            "",
            "try the rows again that failed in earlier runs of the same job",
            OUTPUT,
            NONE);
    public static final Setting<MaxRowErrors> MAX_ROW_ERRORS = of(
            "maxRowErrors",
            MaxRowErrors.TYPE,
            MaxRowErrors.share(0.05),
            "N|SHARE",
            "exit with code 3 when more rows than this fail",
            OUTPUT,
            NONE);

    public static final Setting<Deadline> DEADLINE = optional(
            "deadline",
            Deadline.TYPE,
            "TIME",
            "stop by this time, such as 06:00, or 45m after the start; the same command resumes the rest",
            TIME,
            NONE);
    public static final Setting<String> PLAN =
            optional("plan", PATH, "FILE", "file of plan --json; summary.json compares it with the run", TIME, NONE);
    public static final Setting<Duration> EXECUTOR_WAIT = of(
            "executorWait",
            Durations.TYPE,
            Duration.ofSeconds(50),
            "TIME",
            "stop when the cluster starts no executor within this time",
            TIME,
            NONE);
    public static final Setting<Backend> BACKEND =
            of("backend", choice(Backend.class), ASKED.backend(), "auto|cpu|cuda", "hardware to run on", ENGINE, NONE);
    public static final Setting<Integer> RANKS = added(new Setting<>(
            "ranks",
            INTEGER,
            Optional.of(ASKED.layout().ranks()),
            "W",
            "devices that share one copy of the model; 0 chooses",
            ENGINE,
            List.of("tensorParallelSize"),
            NONE));
    public static final Setting<Integer> REPLICAS = of(
            "replicas",
            INTEGER,
            ASKED.layout().replicas(),
            "R",
            "copies of the model per executor; 0 chooses",
            ENGINE,
            NONE);
    public static final Setting<Integer> MAX_NUM_SEQS = of(
            "maxNumSeqs",
            INTEGER,
            ASKED.steps().maxNumSeqs(),
            "N",
            "most sequences in one step; 0 chooses",
            ENGINE,
            NONE);
    public static final Setting<Integer> MAX_NUM_BATCHED_TOKENS = of(
            "maxNumBatchedTokens",
            INTEGER,
            ASKED.steps().maxBatchTokens(),
            "N",
            "most tokens in one step; 0 chooses",
            ENGINE,
            NONE);
    public static final Setting<Integer> MAX_MODEL_LEN = of(
            "maxModelLen",
            INTEGER,
            ASKED.steps().maxModelLen(),
            "N",
            "most tokens of prompt and output; 0: the limit of the model",
            ENGINE,
            BY_CONTENT);
    public static final Setting<Integer> PAGE_TOKENS =
            of("pageTokens", INTEGER, ASKED.kv().pageTokens(), "N", "tokens in one page of the KV cache", ENGINE, NONE);
    public static final Setting<Integer> KV_PAGES = of(
            "kvPages",
            INTEGER,
            ASKED.kv().pages(),
            "N",
            "pages of the KV cache; 0: as many as memory allows",
            ENGINE,
            NONE);
    public static final Setting<Boolean> PREFIX_CACHE = of(
            "prefixCache",
            SWITCH,
            ASKED.kv().prefixCache(),
            "",
            "compute prefixes that prompts share once",
            ENGINE,
            NONE);
    public static final Setting<Integer> THREADS =
            of("threads", INTEGER, ASKED.threads(), "N", "CPU threads; 0: all", ENGINE, NONE);
    public static final Setting<Double> GPU_MEMORY_UTILIZATION = of(
            "gpuMemoryUtilization",
            REAL,
            ASKED.gpu().memoryUtilization(),
            "SHARE",
            "share of each GPU's memory to fill with weights and KV cache",
            ENGINE,
            NONE);
    public static final Setting<Boolean> DETERMINISTIC = of(
            "deterministic",
            SWITCH,
            false,
            "",
            "make the text independent of the other rows in the batch; always so on the CPU",
            ENGINE,
            NONE);

    private Settings() {}

    /** Every setting, in the order of help. */
    public static List<Setting<?>> all() {
        return Collections.unmodifiableList(ALL);
    }

    /** Returns the setting with this name or alias, in lowerCamel. */
    public static Optional<Setting<?>> find(String name) {
        return ALL.stream()
                .filter(setting ->
                        setting.name().equals(name) || setting.aliases().contains(name))
                .findFirst();
    }

    /**
     * Returns the setting that an option of a data source or SQL function names: in any case, with or without underscores.
     *
     * @throws UserError if no setting has that name
     */
    public static Setting<?> ofOption(String option) {
        return findOption(option)
                .orElseThrow(() -> UserError.of(
                        "unknown option",
                        option,
                        "did you mean " + nearest(option) + "?; see nighttrain generate --help"));
    }

    /** As {@link #ofOption}; empty if no setting has that name. */
    public static Optional<Setting<?>> findOption(String option) {
        return ALL.stream()
                .filter(setting -> Stream.concat(Stream.of(setting.name()), setting.aliases().stream())
                        .anyMatch(name -> letters(name).equals(letters(option))))
                .findFirst();
    }

    /** Returns the error for a setting that is given under two of its names, such as {@code max_tokens} and {@code maxTokens}. */
    public static UserError givenTwice(Setting<?> setting) {
        return UserError.of(
                "option given twice", setting.name(), "once is allowed, by one of its names; leave one out");
    }

    /** Returns the setting name closest to a misspelt one. */
    public static String nearest(String misspelt) {
        return ALL.stream()
                .flatMap(setting -> Stream.concat(Stream.of(setting.name()), setting.aliases().stream()))
                .min(Comparator.comparingInt(name -> distance(letters(misspelt), letters(name))))
                .orElseThrow();
    }

    private static String letters(String name) {
        return name.replaceAll("[-_.]", "").toLowerCase(Locale.ROOT);
    }

    /** Returns the Levenshtein distance: how many letters to insert, delete or change. */
    private static int distance(String a, String b) {
        int[] above = IntStream.rangeClosed(0, b.length()).toArray();
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int changed = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(changed, 1 + Math.min(above[j], row[j - 1]));
            }
            above = row;
        }
        return above[b.length()];
    }

    private static <T> Setting<T> of(
            String name,
            SettingType<T> type,
            T value,
            String placeholder,
            String help,
            SettingGroup group,
            OutputEffect effect) {
        return added(new Setting<>(name, type, Optional.of(value), placeholder, help, group, List.of(), effect));
    }

    private static <T> Setting<T> optional(
            String name,
            SettingType<T> type,
            String placeholder,
            String help,
            SettingGroup group,
            OutputEffect effect) {
        return added(new Setting<>(name, type, Optional.empty(), placeholder, help, group, List.of(), effect));
    }

    private static <T> Setting<T> added(Setting<T> setting) {
        ALL.add(setting);
        return setting;
    }

    /** As {@link #optional}; {@link SettingValues#get} tells the user when it is missing. */
    private static <T> Setting<T> required(
            String name,
            SettingType<T> type,
            String placeholder,
            String help,
            SettingGroup group,
            OutputEffect effect) {
        return optional(name, type, placeholder, help, group, effect);
    }

    /** Where weights come from. */
    public enum LoadFormat {
        /** The checkpoint's files. */
        AUTO,
        /** Seeded random values in the shape that {@code config.json} says: for measuring speed without a checkpoint. */
        DUMMY
    }

    /** How results are added to a table that already has rows. */
    public enum TableMode {
        /** A result replaces the row with the same id. */
        MERGE,
        /** All results are added; existing rows stay. */
        APPEND
    }

    /** The number format of the computation. */
    public enum Precision {
        /** The best that the backend has: fp32 on the CPU. */
        AUTO,
        FP32,
        BF16
    }
}
