package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Reads output directories of version 0.1.0: a job that it began, and the same job as it finished it. */
class EarlierVersionTest extends JobTest {
    /** Modification time of the input, which 0.1.0 recorded beside its bytes. */
    private static final FileTime INPUT_CHANGED = FileTime.fromMillis(1_700_000_000_000L);

    private static final int OUTPUTS = 16;
    private static final int FINISHED = 11;
    /** A null prompt and one that is too long, two samples each. */
    private static final int ERRORS = 4;

    @BeforeEach
    void theJob() throws IOException {
        copy("model", dir.resolve("model"));
        copy("input", dir.resolve("input"));
        Files.setLastModifiedTime(dir.resolve("input/prompts.parquet"), INPUT_CHANGED);
        values = values.with(Settings.SAMPLES, 2)
                .with(Settings.TEMPERATURE, 1.0)
                .with(Settings.LOGPROBS, 1)
                .with(Settings.TOKEN_IDS, true)
                .with(Settings.KEEP_COLUMNS, List.of("name"))
                .with(Settings.ID_COLUMN, "key")
                .with(Settings.STOP, List.of("never", "a,b"))
                .with(Settings.MAX_TOKENS, 6)
                .with(Settings.SYSTEM, "Be brief.");
    }

    @Test
    void aJobThatWasBegunGoesOn() throws IOException {
        copy("begun", output());
        Map<String, String> begun = fingerprint();
        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(FINISHED);
        assertThat(report.rows()).isEqualTo(OUTPUTS);
        assertThat(report.errors()).isEqualTo(ERRORS);
        assertThat(script().computations()).isEqualTo(OUTPUTS - FINISHED);
        // Settings that 0.1.0 did not have are added at their defaults.
        Map<String, String> grown = new TreeMap<>(begun);
        grown.putAll(Map.of(
                "chat-template-args", "none",
                "logprobs-before-constraint", "false",
                "quantization", "auto",
                "state-dtype", "fp32"));
        assertThat(fingerprint()).containsExactlyInAnyOrderEntriesOf(grown);

        copy("finished", dir.resolve("by-0.1.0"));
        assertThat(table(output(), "results")).containsExactlyElementsOf(table(dir.resolve("by-0.1.0"), "results"));
        assertThat(schema(output(), "results")).isEqualTo(schema(dir.resolve("by-0.1.0"), "results"));
        assertThat(schema(output(), "metrics"))
                .isEqualTo(schema(dir.resolve("by-0.1.0"), "metrics").add("expert_imbalance", DataTypes.DoubleType));
    }

    @Test
    void aJobThatIsFinishedIsReadable() throws IOException {
        copy("finished", output());
        GenerateReport report = run();
        assertThat(report.wasComplete()).isTrue();
        assertThat(report.rows()).isEqualTo(OUTPUTS);
        assertThat(report.errors()).isEqualTo(ERRORS);
        assertThat(script().opened).hasValue(0);
    }

    private Map<String, String> fingerprint() throws IOException {
        return new ObjectMapper()
                .readValue(output().resolve("_nighttrain/job.json").toFile(), new TypeReference<>() {});
    }

    private List<Row> table(Path output, String name) {
        return spark.read()
                .parquet(output.resolve(name).toString())
                .orderBy("id", "sample")
                .collectAsList();
    }

    private StructType schema(Path output, String name) {
        return spark.read().parquet(output.resolve(name).toString()).schema();
    }

    private static void copy(String kept, Path target) throws IOException {
        Path source = kept(kept);
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = target.resolve(source.relativize(file).toString());
                Files.createDirectories(copy.getParent());
                Files.deleteIfExists(copy);
                Files.copy(file, copy);
            }
        }
    }

    private static Path kept(String name) {
        try {
            return Path.of(EarlierVersionTest.class
                    .getResource("/written-by-0.1.0/" + name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
