package nighttrain.io.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.io.table.Summary.Prediction;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.Summary.Throughput;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SummaryTest {
    @TempDir
    java.nio.file.Path dir;

    private FileSystem fs;
    private Path file;

    @BeforeEach
    void openFileSystem() throws IOException {
        fs = FileSystem.getLocal(new Configuration());
        file = new Path(dir.resolve("summary.json").toUri());
    }

    private static Summary summary(int gpus) {
        return summary(gpus, 50);
    }

    private static Summary summary(int gpus, int outputTokens) {
        Map<String, String> settings = new HashMap<>();
        settings.put("model", "dir/é");
        settings.put("system", null);
        return new Summary(
                10,
                1,
                2.5,
                100,
                outputTokens,
                Throughput.of(80, outputTokens * 4L / 5, 2, gpus),
                new Saved(30, 2, 20),
                new Percentiles(1.0, 2.0, 3.5),
                new Percentiles(null, null, null),
                new Percentiles(4.0, 5.0, 6.0),
                0.25,
                "1x2",
                "max_num_seqs 768: KV cache of 71.0 GiB holds 812 sequences of 640 tokens",
                "dense",
                "abc",
                new Incidents(2, 9, 31, 1),
                Optional.of(JsonNodeFactory.instance.objectNode().put("mean_confidence", 0.75)),
                Optional.of(new Prediction(60, 25, 2)),
                Map.of("night_train", "0.1.0"),
                settings);
    }

    private JsonNode json() throws IOException {
        return new ObjectMapper().readTree(dir.resolve("summary.json").toFile());
    }

    @Test
    void keysAndValues() throws IOException {
        SummaryFile.write(fs, file, summary(4));
        JsonNode json = json();
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactly(
                        "rows",
                        "errors",
                        "wall_s",
                        "generating_s",
                        "prompt_tokens",
                        "output_tokens",
                        "total_tokens",
                        "gpus",
                        "prompt_tokens_per_s",
                        "prompt_tokens_per_s_per_gpu",
                        "output_tokens_per_s",
                        "output_tokens_per_s_per_gpu",
                        "total_tokens_per_s",
                        "total_tokens_per_s_per_gpu",
                        "cached_prompt_tokens",
                        "copied_rows",
                        "copied_tokens",
                        "ttft_ms",
                        "tpot_ms",
                        "e2e_ms",
                        "comm_share",
                        "layout",
                        "batch",
                        "architecture",
                        "model_fingerprint",
                        "incidents",
                        "labels",
                        "plan",
                        "versions",
                        "settings");
        assertThat(json.get("incidents"))
                .hasToString("{\"executors_lost\":2,\"tasks_failed\":9,\"rows_retried\":31,\"rows_quarantined\":1}");
        assertThat(json.get("plan"))
                .hasToString("{\"output_tokens\":{\"predicted\":60.0,\"actual\":50.0,\"ratio\":1.2},"
                        + "\"output_tokens_per_s\":{\"predicted\":25.0,\"actual\":20.0,\"ratio\":1.25},"
                        + "\"wall_s\":{\"predicted\":2.0,\"actual\":2.5,\"ratio\":0.8}}");
        assertThat(json.get("total_tokens").asLong()).isEqualTo(150);
        assertThat(json.get("generating_s").asDouble()).isEqualTo(2);
        assertThat(json.get("prompt_tokens_per_s").asDouble()).isEqualTo(40);
        assertThat(json.get("total_tokens_per_s").asDouble()).isEqualTo(60);
        assertThat(json.get("total_tokens_per_s_per_gpu").asDouble()).isEqualTo(15);
        assertThat(json.get("ttft_ms").get("p99").asDouble()).isEqualTo(3.5);
        assertThat(json.get("tpot_ms").get("p50").isNull()).isTrue();
    }

    @Test
    void labelsHaveNoOutputToBePlanned() throws IOException {
        SummaryFile.write(fs, file, summary(0, 0));
        assertThat(json().at("/plan/output_tokens")).hasToString("{\"predicted\":60.0,\"actual\":0.0,\"ratio\":null}");
        assertThat(SummaryFile.read(fs, file)).isEqualTo(summary(0, 0));
    }

    @Test
    void otherSettingsChangeNothingElse() {
        Summary summary = summary(4);
        Summary other = summary.with(Map.of("model", "other"));
        assertThat(other.settings()).containsExactly(Map.entry("model", "other"));
        assertThat(other.with(summary.settings())).isEqualTo(summary);
    }

    @Test
    void whatIsWrittenIsRead() {
        for (int gpus : new int[] {0, 8}) {
            SummaryFile.write(fs, file, summary(gpus));
            assertThat(SummaryFile.read(fs, file)).isEqualTo(summary(gpus));
        }
        assertThat(dir.toFile().list((folder, name) -> name.startsWith("_")))
                .as("temporary files")
                .isEmpty();
    }

    @Test
    void withoutGpusNothingIsPerGpu() throws IOException {
        SummaryFile.write(fs, file, summary(0));
        assertThat(json().get("output_tokens_per_s_per_gpu").isNull()).isTrue();
    }

    @Test
    void missingOrDamaged() throws IOException {
        assertThatThrownBy(() -> SummaryFile.read(fs, file))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot read " + file);
        Files.writeString(dir.resolve("summary.json"), "{");
        assertThatThrownBy(() -> SummaryFile.read(fs, file))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("not valid JSON: " + file);
    }

    @Test
    void noTimeNoRate() {
        assertThat(Throughput.of(5, 5, 0, 0).totalTokensPerS()).isZero();
    }

    @Test
    void moreErrorsThanRows() {
        assertThatThrownBy(() -> new Summary(
                        1,
                        2,
                        0,
                        0,
                        0,
                        Throughput.of(0, 0, 0, 0),
                        null,
                        null,
                        null,
                        null,
                        0,
                        "",
                        "",
                        "",
                        "",
                        Incidents.NONE,
                        Optional.empty(),
                        Optional.empty(),
                        Map.of(),
                        Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("errors: 2 (0 to rows, 1)");
    }
}
