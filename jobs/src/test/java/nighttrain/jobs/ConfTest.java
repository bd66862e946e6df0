package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.jobs.cli.SettingsFile;
import nighttrain.jobs.compare.Comparison;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.ComparisonFile;
import nighttrain.jobs.compare.NamedWorkload;
import nighttrain.jobs.plan.HardwareReader;
import nighttrain.pipeline.label.Labels;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Loads every file in conf/ as a user would, so that none becomes outdated. */
class ConfTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    static Stream<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(Project.CONF)) {
            return files
                    .filter(Files::isRegularFile)
                    .map(Project.CONF::relativize)
                    .filter(file -> !file.toString().endsWith(".safetensors")) // opened with their config.json
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void loads(Path relative) throws Exception {
        Path file = Project.CONF.resolve(relative);
        String kind = relative.getName(0) + "/" + relative.getFileName();
        if (kind.startsWith("jobs/") && kind.endsWith(".yaml")) {
            loadsAsSettings(file);
        } else if (kind.startsWith("hardware/")) {
            assertThat(HardwareReader.read(file.toString()).allReduce().isKnown())
                    .isTrue();
        } else if (kind.equals("prices.yaml/prices.yaml")) {
            assertThat(HardwareReader.names())
                    .allSatisfy(
                            name -> assertThat(HardwareReader.price(file, name)).isPositive());
        } else if (kind.equals("compare/published.yaml")) {
            assertThat(ComparisonFile.published(file)).isNotEmpty();
        } else if (kind.startsWith("compare/") && kind.endsWith(".yaml")) {
            loadsAsComparison(file);
        } else if (kind.startsWith("cluster/") && kind.endsWith(".properties")) {
            loadsAsSparkConf(file);
        } else if (kind.endsWith("/config.json")) {
            loadsAsModel(file.getParent());
        } else if (kind.endsWith("/tokenizer.json")) {
            loadsAsTokenizer(file.getParent());
        } else if (kind.endsWith(".json")) {
            assertThat(JSON.readTree(file.toFile()).size()).isPositive();
        } else if (kind.equals("demo/labels.jsonl")) {
            loadsAsLabels(file);
        } else if (kind.endsWith(".parquet")) {
            loadsAsTable(file);
        } else if (Files.isExecutable(file)) {
            loadsAsScript(file);
        } else {
            fail("nothing loads conf/%s; say here how", relative);
        }
    }

    private static void loadsAsSettings(Path file) {
        Map<String, Object> given = new HashMap<>(SettingsFile.read(file));
        given.putIfAbsent(Settings.INPUT_PATH.name(), "in");
        given.putIfAbsent(Settings.OUTPUT_PATH.name(), "out");
        assertThat(GenerateOptions.of(SettingValues.resolve(Map.of(), key -> Optional.empty(), given))
                        .model())
                .isEqualTo(given.get(Settings.MODEL.name()));
    }

    private static void loadsAsLabels(Path file) {
        SettingValues values = SettingValues.none()
                .with(Settings.MODEL, "model")
                .with(Settings.OUTPUT_PATH, "out")
                .with(Settings.LABELS_FILE, file.toString());
        assertThat(GenerateOptions.of(values).input().kind()).isInstanceOf(Labels.class);
    }

    /** Loads the models as well, and checks that every workload with published figures is in the comparison. */
    private static void loadsAsComparison(Path file) throws IOException {
        Comparison comparison = ComparisonFile.read(file);
        for (Candidate candidate : comparison.candidates()) {
            loadsAsModel(candidate.model());
        }
        List<String> workloads =
                comparison.workloads().stream().map(NamedWorkload::name).toList();
        assertThat(comparison.published())
                .allSatisfy(table -> assertThat(table.rows())
                        .allSatisfy(row -> assertThat(row.workload().isEmpty() || workloads.contains(row.workload()))
                                .as(row.toString())
                                .isTrue()));
    }

    private static void loadsAsSparkConf(Path file) throws IOException {
        Properties conf = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            conf.load(reader);
        }
        assertThat(conf.stringPropertyNames()).isNotEmpty().allMatch(key -> key.startsWith("spark."));
        SettingValues values = SettingValues.of(key -> Optional.ofNullable(conf.getProperty(key)));
        assertThat(values.asSparkConf().keySet())
                .as("settings among them")
                .containsExactlyInAnyOrderElementsOf(conf.stringPropertyNames().stream()
                        .filter(key -> key.startsWith("spark.nighttrain."))
                        .toList());
    }

    private static void loadsAsModel(Path dir) throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            boolean hasWeights = files.anyMatch(file -> file.toString().endsWith(".safetensors"));
            try (Checkpoint model = hasWeights ? Checkpoints.open(dir) : Checkpoints.dummy(dir)) {
                assertThat(model.spec().layers()).isNotEmpty();
                assertThat(model.fingerprint()).isNotEmpty();
            }
        }
    }

    private static void loadsAsTokenizer(Path dir) {
        try (Tokenizer tokenizer = Tokenizer.open(dir)) {
            assertThat(tokenizer.decode(tokenizer.encode("The parcel is late", false)))
                    .isEqualTo("The parcel is late");
        }
    }

    private static void loadsAsTable(Path file) {
        try (SparkSession spark = SparkSession.builder().master("local[1]").getOrCreate()) {
            assertThat(spark.read().parquet(file.toString()).count()).isPositive();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void loadsAsScript(Path file) throws Exception {
        try (CommandProcess check = CommandProcess.start(folder, Map.of(), List.of("bash", "-n", file.toString()))) {
            assertThat(check.await(Duration.ofSeconds(30))).as(check.messages()).isZero();
        }
    }

    @Test
    void theDemoIsThere() {
        assertThat(Project.DEMO_MODEL).isDirectoryContaining("glob:**.safetensors");
        assertThat(Project.DEMO_PROMPTS).exists();
    }
}
