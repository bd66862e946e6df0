package nighttrain.pipeline.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.progress.LengthsExpected;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.Encoders;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests what is known of a job before its engines open, and the plans that engines make from it. */
class GlanceTest extends JobTest {
    private static final HardwareProfile A100 = new HardwareProfile(
            "A100 40 GiB", 40L << 30, 1.5e12, 300e12, 1, 0.85, 40e-6, new AllReduceLatency(Map.of()), 2);

    private static final TokenEstimate ESTIMATE = TokenEstimate.of(128, 8192, 0, 0);

    @BeforeEach
    void asManyTokensAsAllowed() {
        values = values.with(Settings.MAX_TOKENS, 128).with(Settings.IGNORE_EOS, true);
    }

    @Test
    void aJobWithShortPromptsGetsTheLargerBatch() {
        input(1, lines(20, 80));
        Lengths few = glance();
        assertThat(few).isEqualTo(new Lengths(20, 128));
        values = values.with(Settings.INPUT_PATH, dir.resolve("long").toString());
        spark.read()
                .parquet(dir.resolve("input").toString())
                .selectExpr("repeat(prompt, 200) as prompt")
                .write()
                .parquet(dir.resolve("long").toString());
        Lengths many = glance();
        assertThat(many).isEqualTo(new Lengths(4000, 128));

        EnginePlan unknown = plan(new Lengths(0, 128));
        assertThat(plan(few).maxNumSeqs()).isGreaterThan(unknown.maxNumSeqs());
        assertThat(plan(many).maxNumSeqs()).isLessThan(unknown.maxNumSeqs());
        assertThat(plan(few).choice().orElseThrow()).endsWith("sequences of 148 tokens");
    }

    @Test
    void looksIntoSomeRowsOfPlacesAllOverTheInput() throws Exception {
        spark.range(0, 32_000, 1, 16)
                .selectExpr(
                        "id as key",
                        "repeat('four', if(id % 2000 < 512, 10 * cast(id div 2000 as int), 2000)) as prompt")
                .write()
                .parquet(dir.resolve("input").toString());
        List<Long> rows = new CopyOnWriteArrayList<>();
        SparkListener ears = new SparkListener() {
            @Override
            public void onTaskEnd(SparkListenerTaskEnd task) {
                rows.add(task.taskMetrics().inputMetrics().recordsRead());
            }
        };
        spark.sparkContext().addSparkListener(ears);
        Lengths found = glance();
        spark.sparkContext().listenerBus().waitUntilEmpty(Duration.ofSeconds(60).toMillis());
        spark.sparkContext().removeSparkListener(ears);
        assertThat(found.promptTokens()).as("of the first rows of files").isBetween(1, 150);
        rows.removeIf(read -> read == 0);
        assertThat(rows).as("tasks").hasSizeBetween(1, 8);
        assertThat(rows.stream().mapToLong(Long::longValue).sum()).isBetween(1L, 16_000L);
    }

    /** Every byte is one of this model's tokens. */
    @Test
    void countsTokensOfTheModel() {
        input(2, List.of("four", "four", "", "fünf"));
        try (Tokenizer tokenizer = Tokenizer.open(dir.resolve("model"))) {
            assertThat(seen().charsPerToken(tokenizer)).isEqualTo(12 / 13.0);
            assertThat(new Glance(List.of(0), List.of("")).charsPerToken(tokenizer))
                    .isEqualTo(TokenEstimate.CHARS_PER_TOKEN);
        }
    }

    /** The demo's vocabulary is small, so its tokens are short. */
    @Test
    void promptsOfTheDemoAreAsLongAsTheyAre() {
        Path demo = Path.of(System.getProperty("nighttrain.root"), "conf/demo");
        values =
                values.with(Settings.INPUT_PATH, demo.resolve("prompts.parquet").toString());
        try (Tokenizer tokenizer = Tokenizer.open(demo.resolve("model"))) {
            double mean = spark
                    .read()
                    .parquet(demo.resolve("prompts.parquet").toString())
                    .select("prompt")
                    .as(Encoders.STRING())
                    .collectAsList()
                    .stream()
                    .mapToInt(prompt -> tokenizer.encode(prompt, true).length)
                    .average()
                    .orElseThrow();
            Glance seen = seen();
            TokenEstimate estimate = ESTIMATE.ofTokens(seen.charsPerToken(tokenizer));
            assertThat((double) seen.lengths(estimate).promptTokens()).isBetween(0.9 * mean, 1.1 * mean);
            assertThat((double) seen.lengths(ESTIMATE).promptTokens()).isLessThan(0.8 * mean);
        }
    }

    @Test
    void aJobOnGpusTellsItsEnginesWhatItSaw() throws Exception {
        input(1, List.of("four", "four"));
        values = values.with(Settings.BACKEND, Backend.CUDA).with(Settings.MAX_TOKENS, 8);
        List<Lengths> told = new CopyOnWriteArrayList<>();
        SparkListener ears = new SparkListener() {
            @Override
            public void onOtherEvent(SparkListenerEvent event) {
                if (event instanceof LengthsExpected expected) {
                    told.add(expected.lengths());
                }
            }
        };
        spark.sparkContext().addSparkListener(ears);
        run();
        values = values.with(Settings.MAX_NUM_SEQS, 2).with(Settings.OVERWRITE, true);
        run();
        spark.sparkContext().listenerBus().waitUntilEmpty(Duration.ofSeconds(60).toMillis());
        spark.sparkContext().removeSparkListener(ears);
        assertThat(told).containsExactly(new Lengths(4, 8), Lengths.UNKNOWN);
    }

    private Lengths glance() {
        return seen().lengths(ESTIMATE);
    }

    private Glance seen() {
        InputSource source = new InputReader(spark).open(options().input());
        return Glance.at(source, InputColumns.of(source.schema(), options(), List.of()));
    }

    private static EnginePlan plan(Lengths lengths) {
        Path shape = Path.of(System.getProperty("nighttrain.root"), "conf/shapes/dense-8b");
        try (Checkpoint checkpoint = Checkpoints.dummy(shape)) {
            return Engines.planOn(A100, 1, EngineConfig.on(Backend.CUDA).with(lengths), checkpoint.spec());
        }
    }

    private static List<String> lines(int tokens, int rows) {
        return IntStream.range(0, rows).mapToObj(i -> "four".repeat(tokens)).toList();
    }
}
