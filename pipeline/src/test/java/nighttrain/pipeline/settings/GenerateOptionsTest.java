package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.executor.Backend;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateOptionsTest {
    private final SettingValues least =
            SettingValues.none().with(Settings.MODEL, "model").with(Settings.OUTPUT_PATH, "out");

    @Test
    void defaultsAreGreedy() {
        GenerateOptions options = GenerateOptions.of(least);
        assertThat(options.sampling().isGreedy()).isTrue();
        assertThat(options.sampling().maxTokens()).isEqualTo(256);
        assertThat(options.sampling().logprobs()).isEqualTo(-1);
        assertThat(options.samples()).isEqualTo(1);
        assertThat(options.input().format()).isEqualTo("parquet");
        assertThat(options.output().resume()).isTrue();
    }

    @Test
    void impossibleValuesAreRefused() {
        refuses(
                least.with(Settings.MAX_TOKENS, 0),
                "bad value of --max-tokens: 0 (at least 1; ask for fewer rows with --limit instead)");
        refuses(least.with(Settings.TEMPERATURE, -1.0), "bad value of --temperature: -1.0 (0 to 100; 0 is greedy)");
        refuses(least.with(Settings.TOP_P, 0.0), "bad value of --top-p: 0.0 (above 0, at most 1; 1 keeps every token)");
        refuses(least.with(Settings.SAMPLES, 0), "bad value of --n: 0 (1 to 1000; leave it out for 1)");
        refuses(least.with(Settings.LOGPROBS, -1), "bad value of --logprobs: -1 (0 to 20; leave it out for none)");
        refuses(least.with(Settings.LIMIT, 0L), "bad value of --limit: 0 (at least 1; leave it out for all rows)");
        refuses(
                least.with(Settings.STOP, List.of("")),
                "bad value of --stop: \"\" (at least one character; leave it out for none)");
        refuses(
                least.with(Settings.FORMAT_OPTION, List.of("header")),
                "bad value of --format-option: header (K=V; for example header=false)");
        refuses(
                least.with(Settings.MAX_NUM_SEQS, 0),
                "bad value of --max-num-seqs: 0 (at least 1; leave it out for the default)");
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
                "cannot read --prompt-file: " + dir + "/none.txt (a local UTF-8 text file; check the path)");
    }

    private static void refuses(SettingValues values, String message) {
        assertThatThrownBy(() -> GenerateOptions.of(values))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
    }
}
