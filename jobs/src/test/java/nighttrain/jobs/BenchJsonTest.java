package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.jobs.bench.BenchOptions;
import nighttrain.pipeline.settings.Setting;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests the keys and the contents of the file of {@code bench --json} other than the figures' values. */
@Timeout(60)
class BenchJsonTest {
    private static final List<String> FIGURES = List.of(
            "wall_s",
            "requests_per_s",
            "requests_per_s_per_device",
            "output_tokens_per_s",
            "output_tokens_per_s_per_device",
            "total_tokens_per_s",
            "total_tokens_per_s_per_device",
            "ttft_p50_ms",
            "ttft_p90_ms",
            "ttft_p99_ms",
            "tpot_p50_ms",
            "tpot_p90_ms",
            "tpot_p99_ms",
            "e2e_p50_ms",
            "e2e_p90_ms",
            "e2e_p99_ms",
            "comm_share",
            "idle_share",
            "roofline_share");

    @TempDir
    static Path folder;

    private static JsonNode json;

    @BeforeAll
    static void run() throws Exception {
        Path file = Files.writeString(folder.resolve("bench.json"), "an older one".repeat(1_000));
        BenchTest.bench(
                TinyModel.in(folder.resolve("model")),
                "--num-prompts 2 --input-len 4 --output-len 2 --warmup 0 --repeat 1 --seed 9 --ranks 2 --json " + file);
        json = new ObjectMapper().readTree(file.toFile());
    }

    @Test
    void hasTheseKeysInThisOrder() {
        assertThat(names(json))
                .containsExactly(
                        "model",
                        "model_fingerprint",
                        "parameters",
                        "architecture",
                        "layout",
                        "devices",
                        "engine",
                        "open_s",
                        "median",
                        "min",
                        "max",
                        "rounds",
                        "versions",
                        "machine",
                        "settings");
        assertThat(names(json.get("median"))).isEqualTo(FIGURES);
        assertThat(names(json.get("min"))).isEqualTo(FIGURES);
        assertThat(names(json.get("max"))).isEqualTo(FIGURES);
        assertThat(names(json.at("/rounds/0"))).containsAll(FIGURES);
    }

    @Test
    void saysWhatRanAndWhere() {
        assertThat(json.get("model").asText()).isEqualTo(folder.resolve("model").toString());
        assertThat(json.get("architecture").asText()).isEqualTo("parallel_track(2 tracks, D=2, mean)");
        assertThat(json.get("layout").asText()).isEqualTo("1x2");
        assertThat(json.get("devices").asInt()).isEqualTo(2);
        assertThat(json.at("/engine/backend").asText()).isEqualTo("cpu");
        assertThat(json.at("/engine/max_model_len").asInt()).isEqualTo(512);
        assertThat(json.at("/engine/max_num_seqs").asInt()).isEqualTo(256);
        assertThat(json.get("model_fingerprint").asText()).isNotBlank();
        assertThat(names(json.get("versions"))).containsExactly("java", "night-train");
        assertThat(json.at("/machine/processors").asInt())
                .isEqualTo(Runtime.getRuntime().availableProcessors());
    }

    @Test
    void hasEverySettingAsItWasGivenOrByDefault() {
        assertThat(names(json.get("settings")))
                .isEqualTo(BenchOptions.all().stream().map(Setting::name).toList());
        assertThat(json.at("/settings/loadFormat").asText()).isEqualTo("dummy");
        assertThat(json.at("/settings/numPrompts").asText()).isEqualTo("2");
        assertThat(json.at("/settings/inputLenSpread").asText()).isEqualTo("0.0");
        assertThat(json.at("/settings/seed").asText()).isEqualTo("9");
        assertThat(json.at("/settings/ranks").asText()).isEqualTo("2");
        assertThat(json.at("/settings/pageTokens").asText()).isEqualTo("16");
    }

    private static List<String> names(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }
}
