package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
    private static final String DEFAULTS = """
        --model
        --load-format auto
        --dtype auto
        --quantization auto
        --kv-cache-dtype auto
        --state-dtype fp32
        --input
        --format parquet
        --format-option []
        --id-column
        --limit
        --prompt-column
        --messages-column
        --prompt
        --prompt-file
        --system
        --chat-template
        --chat-template-args
        --truncate none
        --labels
        --labels-file
        --examples
        --multi false
        --threshold 0.5
        --abstain-below 0.0
        --calibrate false
        --length-normalise false
        --gold
        --review 0
        --max-tokens 256
        --temperature 0.0
        --top-p 1.0
        --top-k 0
        --min-p 0.0
        --repetition-penalty 1.0
        --presence-penalty 0.0
        --frequency-penalty 0.0
        --seed 0
        --stop []
        --n 1
        --dedup false
        --logprobs
        --prompt-logprobs false
        --ignore-eos false
        --choices
        --choices-file
        --regex
        --json-schema
        --constrain-after
        --logprobs-before-constraint false
        --output
        --output-table
        --table-mode merge
        --keep-columns
        --token-ids false
        --overwrite false
        --overwrite-other false
        --resume true
        --retry-errors false
        --max-row-errors 5%
        --deadline
        --plan
        --executor-wait 50s
        --backend auto
        --ranks 0
        --replicas 0
        --max-num-seqs 0
        --max-num-batched-tokens 0
        --max-model-len 0
        --page-tokens 16
        --kv-pages 0
        --prefix-cache true
        --threads 0
        --gpu-memory-utilization 0.9
        --deterministic false\
        """;

    @Test
    void everyOptionAndItsDefault() {
        String table = Settings.all().stream()
                .map(setting -> (setting.option() + " " + defaultOf(setting)).strip())
                .collect(Collectors.joining("\n"));
        assertThat(table).isEqualTo(DEFAULTS);
    }

    /** A job with another value of one of these is another job, so this list changes with care. */
    @Test
    void everySettingThatIsPartOfAJobsFingerprint() {
        assertThat(Settings.all().stream().filter(setting -> setting.effect() == OutputEffect.BY_VALUE))
                .extracting(Setting::option)
                .containsExactly(
                        "--load-format",
                        "--quantization",
                        "--state-dtype",
                        "--id-column",
                        "--limit",
                        "--system",
                        "--chat-template-args",
                        "--truncate",
                        "--max-tokens",
                        "--temperature",
                        "--top-p",
                        "--top-k",
                        "--min-p",
                        "--repetition-penalty",
                        "--presence-penalty",
                        "--frequency-penalty",
                        "--seed",
                        "--stop",
                        "--n",
                        "--logprobs",
                        "--prompt-logprobs",
                        "--ignore-eos",
                        "--logprobs-before-constraint",
                        "--keep-columns",
                        "--token-ids");
    }

    /** These are part of a job's fingerprint only if their value differs from the default. */
    @Test
    void everySettingThatIsPartOfSomeJobsFingerprints() {
        assertThat(Settings.all().stream().filter(setting -> setting.effect() == OutputEffect.BY_OTHER_VALUE))
                .extracting(Setting::option)
                .containsExactly("--kv-cache-dtype");
    }

    @Test
    void aSettingSaysWhetherItChangesTheOutput() {
        assertThatThrownBy(() -> new Setting<>(
                        "name", SettingType.TEXT, Optional.empty(), "", "help", SettingGroup.OUTPUT, List.of(), null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("effect");
    }

    @Test
    void keysFollowTheName() {
        assertThat(Settings.MAX_NUM_BATCHED_TOKENS.confKey()).isEqualTo("spark.nighttrain.maxNumBatchedTokens");
        assertThat(Settings.RANKS.aliasOptions()).containsExactly("--tensor-parallel-size");
        assertThat(Settings.find("tensorParallelSize")).contains(Settings.RANKS);
        assertThat(Settings.all()).extracting(Setting::name).doesNotHaveDuplicates();
    }

    @Test
    void optionBeatsSparkConfBeatsFileBeatsDefault() {
        Map<String, String> conf = Map.of("spark.nighttrain.maxTokens", "20", "spark.nighttrain.topK", "2");
        SettingValues values = SettingValues.resolve(
                Map.of("maxTokens", 30),
                key -> Optional.ofNullable(conf.get(key)),
                Map.of("maxTokens", 10, "topK", 1, "seed", 7));
        assertThat(values.get(Settings.MAX_TOKENS)).isEqualTo(30);
        assertThat(values.get(Settings.TOP_K)).isEqualTo(2);
        assertThat(values.get(Settings.SEED)).isEqualTo(7);
        assertThat(values.get(Settings.TOP_P)).isEqualTo(1);
    }

    @Test
    void listsSurviveSparkConf() {
        List<String> stop = List.of("a,b", "line\nbreak", "[");
        SettingValues values = SettingValues.none().with(Settings.STOP, stop);
        Map<String, String> conf = values.asSparkConf();
        SettingValues back = SettingValues.of(key -> Optional.ofNullable(conf.get(key)));
        assertThat(back.get(Settings.STOP)).isEqualTo(stop);
        assertThat(Settings.STOP.parse("plain text")).containsExactly("plain text");
        assertThat(Settings.STOP.parse("[not json")).containsExactly("[not json");
        assertThat(Settings.KEEP_COLUMNS.parse("a, b,,c ")).containsExactly("a", "b", "c");
    }

    @Test
    void aliasesAreTheSameSetting() {
        SettingValues values =
                SettingValues.resolve(Map.of("tensorParallelSize", "4"), key -> Optional.empty(), Map.of());
        assertThat(values.get(Settings.RANKS)).isEqualTo(4);
        Map<String, String> conf = Map.of("spark.nighttrain.tensorParallelSize", "2");
        assertThat(SettingValues.of(key -> Optional.ofNullable(conf.get(key))).get(Settings.RANKS))
                .isEqualTo(2);
    }

    @Test
    void faultsNameTheOptionAndTheWayOut() {
        refuses(Settings.MAX_TOKENS, "many", "bad value of --max-tokens: many (a whole number; leave it out for 256)");
        refuses(Settings.TOP_P, "NaN", "bad value of --top-p: NaN (a number; leave it out for 1.0)");
        refuses(Settings.LIMIT, "1e3", "bad value of --limit: 1e3 (a whole number; leave it out if you need none)");
        refuses(Settings.OVERWRITE, "yes", "bad value of --overwrite: yes (true or false; leave it out for false)");
        refuses(
                Settings.TRUNCATE,
                "middle",
                "bad value of --truncate: middle (one of none, left, right; leave it out for none)");
        refuses(
                Settings.MAX_ROW_ERRORS,
                "150%",
                "bad value of --max-row-errors: 150% (a number of rows or a share of them, such as 10, 5% or 0.05;"
                        + " leave it out for 5%)");
    }

    @Test
    void unknownNamesAreRefused() {
        assertThatThrownBy(() -> SettingValues.resolve(Map.of(), key -> Optional.empty(), Map.of("maxTokenz", 3)))
                .isInstanceOf(UserError.class)
                .hasMessage("no such setting: maxTokenz (in the config file; use maxTokens if that is meant,"
                        + " see --help for all)");
    }

    @ParameterizedTest
    @CsvSource({"maxToken,maxTokens", "max-tokens,maxTokens", "tensorparallelsize,tensorParallelSize", "sead,seed"})
    void misspeltKeysOfSparksConfAreRefusedWithTheNearestName(String misspelt, String meant) {
        assertThatThrownBy(() -> SettingValues.refuseUnknown(List.of("spark.app.name", "spark.nighttrain." + misspelt)))
                .isInstanceOf(UserError.class)
                .hasMessage("no such setting: spark.nighttrain." + misspelt + " (in Spark's conf; use spark.nighttrain."
                        + meant + " if that is meant)");
    }

    @Test
    void aMapIsWrittenAsJson() {
        Map<String, Object> thinking = Map.of("enable_thinking", false);
        assertThat(SettingValues.none().set("chatTemplateArgs", thinking).find(Settings.CHAT_TEMPLATE_ARGS))
                .contains("{\"enable_thinking\":false}");
        assertThat(SettingValues.resolve(Map.of(), key -> Optional.empty(), Map.of("chatTemplateArgs", thinking))
                        .find(Settings.CHAT_TEMPLATE_ARGS))
                .contains("{\"enable_thinking\":false}");
        assertThatThrownBy(() -> SettingValues.none().set("maxTokens", thinking))
                .hasMessage(
                        "bad value of maxTokens: {\"enable_thinking\":false} (a whole number; leave it out for 256)");
    }

    @Test
    void othersKeysAndKnownOnesAreNotRefused() {
        SettingValues.refuseUnknown(List.of(
                "spark.nighttrain", "spark.nighttrain.tensorParallelSize", "spark.nighttrain.stage.gpu.amount"));
        SettingValues.refuseUnknown(
                Settings.all().stream().map(Setting::confKey).toList());
    }

    @Test
    void requiredSettingsAreMissed() {
        assertThatThrownBy(() -> SettingValues.none().get(Settings.MODEL))
                .isInstanceOf(UserError.class)
                .hasMessage("missing option: --model (checkpoint directory, at this path on every node;"
                        + " give --model DIR)");
    }

    private static <T> String defaultOf(Setting<T> setting) {
        return setting.defaultValue().map(setting::print).orElse("");
    }

    private static void refuses(Setting<?> setting, String text, String message) {
        assertThatThrownBy(() -> setting.parse(text))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
    }

    @Test
    void programsMaySetTextAsOnTheCommandLine() {
        SettingValues values = SettingValues.none()
                .set("maxTokens", "64")
                .set("tensorParallelSize", 2)
                .set(Settings.TEMPERATURE, 1)
                .set("deadline", "06:00")
                .set("executorWait", "90s")
                .set("loadFormat", "dummy")
                .set("dedup", "true")
                .set("keepColumns", "a,b")
                .set("stop", List.of("x", "y"))
                .set("maxRowErrors", "10%");

        assertThat(values.get(Settings.MAX_TOKENS)).isEqualTo(64);
        assertThat(values.get(Settings.RANKS)).isEqualTo(2);
        assertThat(values.get(Settings.TEMPERATURE)).isEqualTo(1.0);
        assertThat(values.get(Settings.DEADLINE).toString()).isEqualTo("06:00");
        assertThat(values.get(Settings.EXECUTOR_WAIT)).hasSeconds(90);
        assertThat(values.get(Settings.LOAD_FORMAT)).isEqualTo(LoadFormat.DUMMY);
        assertThat(values.get(Settings.DEDUP)).isTrue();
        assertThat(values.get(Settings.KEEP_COLUMNS)).containsExactly("a", "b");
        assertThat(values.get(Settings.STOP)).containsExactly("x", "y");
        assertThat(values.get(Settings.MAX_ROW_ERRORS)).isEqualTo(MaxRowErrors.share(0.1));
    }

    @Test
    void aWrongTypeIsTheUsersErrorInTheUsersWords() {
        refusesOfAProgram("maxTokens", 64.5, "bad value of maxTokens: 64.5 (a whole number; leave it out for 256)");
        refusesOfAProgram("maxTokens", "many", "bad value of maxTokens: many (a whole number; leave it out for 256)");
        refusesOfAProgram("maxTokens", true, "bad value of maxTokens: true (a whole number; leave it out for 256)");
        refusesOfAProgram(
                "executorWait",
                90,
                "bad value of executorWait: 90 (a duration, such as 90s, 45m, 1h30m or"
                        + " PT2H; write it so, as text)");
        refusesOfAProgram("loadFormat", 1, "bad value of loadFormat: 1 (one of auto, dummy; write it so, as text)");
        refusesOfAProgram(
                "keepColumns", 7, "bad value of keepColumns: 7 (names separated by commas; write it so, as text)");
        refusesOfAProgram(
                "keepColumns",
                List.of(7),
                "bad value of keepColumns: [7] (names separated by commas; write it so, as text)");
        refusesOfAProgram(
                "choices",
                List.of("yes, always", "no"),
                "bad item of a list: yes, always (commas separate the items and spaces at their ends are lost; use labelsFile"
                        + " or choicesFile for such labels or choices)");
        refusesOfAProgram(
                "loadFormat", null, "bad value of loadFormat: null (one of auto, dummy; leave it out for the default)");
        refusesOfAProgram("system", null, "bad value of system: null (text; leave it out for the default)");
        refusesOfAProgram(
                "maxTokns",
                1,
                "no such setting: maxTokns (names are written as in maxTokens; use maxTokens if that is meant,"
                        + " see nighttrain generate --help for all)");
    }

    private static void refusesOfAProgram(String name, Object value, String message) {
        assertThatThrownBy(() -> SettingValues.none().set(name, value))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
    }
}
