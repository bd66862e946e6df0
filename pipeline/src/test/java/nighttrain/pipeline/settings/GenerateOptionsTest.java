package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFingerprints;
import nighttrain.pipeline.settings.Settings.Precision;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateOptionsTest {
    private final SettingValues least =
            SettingValues.none().with(Settings.MODEL, "model").with(Settings.OUTPUT_PATH, "out");

    @Test
    void defaultsAreGreedy() {
        GenerateOptions options = GenerateOptions.of(least);
        assertThat(options.decoding().sampling().isGreedy()).isTrue();
        assertThat(options.decoding().sampling().maxTokens()).isEqualTo(256);
        assertThat(options.decoding().sampling().logprobs()).isEqualTo(-1);
        assertThat(options.samples()).isEqualTo(1);
        assertThat(options.input().format()).isEqualTo("parquet");
        assertThat(options.output().resume()).isTrue();
    }

    @Test
    void impossibleValuesAreRefused() {
        refuses(
                least.with(Settings.MAX_TOKENS, 0),
                "bad value of --max-tokens: 0 (at least 1; ask for fewer rows with --limit instead)");
        refuses(
                least.with(Settings.TEMPERATURE, -1.0),
                "bad value of --temperature: -1.0 (0 to 100; use 0 for greedy sampling)");
        refuses(
                least.with(Settings.TOP_P, 0.0),
                "bad value of --top-p: 0.0 (above 0, at most 1; use 1 to keep every token)");
        refuses(least.with(Settings.SAMPLES, 0), "bad value of --n: 0 (1 to 1000; leave it out for 1)");
        refuses(least.with(Settings.LOGPROBS, -1), "bad value of --logprobs: -1 (0 to 20; leave it out for none)");
        refuses(least.with(Settings.LIMIT, 0L), "bad value of --limit: 0 (at least 1; leave it out for all rows)");
        refuses(
                least.with(Settings.STOP, List.of("")),
                "bad value of --stop: \"\" (at least one character; leave it out for none)");
        refuses(
                least.with(Settings.FORMAT_OPTION, List.of("header")),
                "bad value of --format-option: header (K=V; write for example header=false)");
        refuses(
                least.with(Settings.MAX_NUM_SEQS, -1),
                "bad value of --max-num-seqs: -1 (at least 0; leave it out to have it chosen)");
    }

    @Test
    void bf16NeedsAnotherBackend() {
        SettingValues bf16 = least.with(Settings.DTYPE, Precision.BF16);
        refuses(
                bf16,
                "bad value of --dtype: bf16 (the CPU computes in fp32; leave --dtype out,"
                        + " bf16 checkpoints are read all the same)");
        assertThat(GenerateOptions.of(bf16.with(Settings.BACKEND, Backend.CUDA))
                        .engine()
                        .backend())
                .isEqualTo(Backend.CUDA);
    }

    @Test
    void oneSourceOfPrompts() {
        refuses(
                least.with(Settings.PROMPT_COLUMN, "a").with(Settings.PROMPT_TEXT, "b"),
                "more than one source of prompts: --prompt-column, --prompt (one is allowed; leave the others out)");
    }

    @Test
    void promptsFromAFile(@TempDir Path dir) throws IOException {
        Path file = Files.writeString(dir.resolve("prompt.txt"), "Sum up {text}");
        SettingValues values = least.with(Settings.PROMPT_FILE, file.toString());
        assertThat(GenerateOptions.of(values).prompts().template()).contains("Sum up {text}");
        refuses(
                least.with(Settings.PROMPT_FILE, dir + "/none.txt"),
                "file of --prompt-file not found: " + dir + "/none.txt (a local UTF-8 text file; check the path)");
    }

    @Test
    void chatTemplateAndItsVariables(@TempDir Path dir) throws IOException {
        assertThat(GenerateOptions.of(least).prompts().chat()).isEqualTo(new ChatTemplateOptions(null, Map.of()));
        Path file = Files.writeString(dir.resolve("t.jinja"), "{{ bos_token }}");
        SettingValues values = least.with(Settings.CHAT_TEMPLATE, file.toString())
                .with(Settings.CHAT_TEMPLATE_ARGS, "{\"enable_thinking\": false, \"n\": [1, null]}");
        ChatTemplateOptions chat = GenerateOptions.of(values).prompts().chat();
        assertThat(chat.source()).isEqualTo("{{ bos_token }}");
        assertThat(chat.variables()).containsEntry("enable_thinking", false).containsEntry("n", Arrays.asList(1, null));
        refuses(
                least.with(Settings.CHAT_TEMPLATE, dir + "/none.jinja"),
                "file of --chat-template not found: " + dir + "/none.jinja (a local UTF-8 text file; check the path)");
        for (String bad : List.of("[1]", "yes", "{\"a\": }", "{} {}", "{\"a\"", "null", "")) {
            refuses(
                    least.with(Settings.CHAT_TEMPLATE_ARGS, bad),
                    "bad value of --chat-template-args: " + bad
                            + " (an object of JSON, such as {\"enable_thinking\": false}; leave it out for none)");
        }
    }

    @Test
    void chatTemplateOptionBeatsSparkConfBeatsFile() {
        String key = Settings.CHAT_TEMPLATE_ARGS.confKey();
        assertThat(key).isEqualTo("spark.nighttrain.chatTemplateArgs");
        Map<String, String> file = Map.of("model", "m", "output", "o", "chatTemplateArgs", "{\"from\": \"file\"}");
        assertThat(from(Map.of(), Map.of(), file)).isEqualTo("file");
        assertThat(from(Map.of(), Map.of(key, "{\"from\": \"conf\"}"), file)).isEqualTo("conf");
        assertThat(from(
                        Map.of("chatTemplateArgs", "{\"from\": \"option\"}"),
                        Map.of(key, "{\"from\": \"conf\"}"),
                        file))
                .isEqualTo("option");
    }

    private static Object from(Map<String, String> options, Map<String, String> conf, Map<String, String> file) {
        SettingValues values = SettingValues.resolve(options, key -> Optional.ofNullable(conf.get(key)), file);
        return GenerateOptions.of(values).prompts().chat().variables().get("from");
    }

    @Test
    void theTemplatesTextIsPartOfTheJobAndItsPathIsNot(@TempDir Path dir) throws IOException {
        Path one = Files.writeString(dir.resolve("one.jinja"), "a");
        Path copy = Files.writeString(dir.resolve("copy.jinja"), "a");
        Path other = Files.writeString(dir.resolve("other.jinja"), "b");
        Fingerprint plain = fingerprint(least);
        assertThat(plain.facts()).doesNotContainKey("chat-template").containsEntry("chat-template-args", "none");
        Fingerprint withOne = fingerprint(least.with(Settings.CHAT_TEMPLATE, one.toString()));
        assertThat(withOne.changesSince(plain)).containsExactly("chat-template (none) -> a");
        assertThat(fingerprint(least.with(Settings.CHAT_TEMPLATE, copy.toString())))
                .isEqualTo(withOne);
        assertThat(fingerprint(least.with(Settings.CHAT_TEMPLATE, other.toString()))
                        .changesSince(withOne))
                .containsExactly("chat-template a -> b");
        assertThat(fingerprint(least.with(Settings.CHAT_TEMPLATE_ARGS, "{\"a\": true}"))
                        .changesSince(plain))
                .containsExactly("chat-template-args none -> {\"a\": true}");
    }

    private static Fingerprint fingerprint(SettingValues values) {
        return JobFingerprints.of(GenerateOptions.of(values), "model", "input", "prompts", 8);
    }

    private static void refuses(SettingValues values, String message) {
        assertThatThrownBy(() -> GenerateOptions.of(values))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
    }
}
