package nighttrain.pipeline.benchmark;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import nighttrain.executor.Engine;
import nighttrain.executor.Engines;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.StopCheck;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the pipeline costs: output tokens/s of a job over those of the bare engine on the same requests, in turn. */
@Tag("benchmark")
class PipelineOverheadBenchmark {
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    private static final int ROUNDS = 11;

    private final SparkSession spark = TestSpark.compiling();

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void pipelineOverBareEngine() throws Exception {
        SettingValues values = SettingValues.none()
                .with(Settings.MODEL, DEMO.resolve("model").toString())
                .with(Settings.INPUT_PATH, DEMO.resolve("prompts.parquet").toString())
                .with(Settings.THREADS, 2);
        double[] ratios = new double[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            GenerateOptions options = GenerateOptions.of(
                    values.with(Settings.OUTPUT_PATH, dir.resolve("out" + round).toString()));
            boolean bareFirst = round % 2 == 0; // whoever comes second finds the engine's code warmer
            double first = bareFirst ? bareTokensPerS(options) : pipelineTokensPerS(options);
            double second = bareFirst ? pipelineTokensPerS(options) : bareTokensPerS(options);
            double bare = bareFirst ? first : second;
            double pipeline = bareFirst ? second : first;
            ratios[round] = pipeline / bare;
            System.out.printf(
                    "round %d: bare engine %.0f, pipeline %.0f output tokens/s, ratio %.3f%n",
                    round, bare, pipeline, ratios[round]);
        }
        double[] warm = Arrays.copyOfRange(ratios, 1, ROUNDS);
        Arrays.sort(warm);
        System.out.printf(
                "median ratio of the warm rounds: %.3f%n", (warm[warm.length / 2] + warm[(warm.length - 1) / 2]) / 2);
    }

    private double pipelineTokensPerS(GenerateOptions options) {
        return new GenerateJob().run(spark, options, ProgressListener.SILENT).outputTokensPerS();
    }

    /** The same prompts as token ids, all offered as fast as the engine takes them. */
    private double bareTokensPerS(GenerateOptions options) throws InterruptedException {
        Path model = Path.of(options.model());
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Tokenizer tokenizer = Tokenizer.open(model);
                Engine engine = Engines.open(options.engine(), checkpoint);
                Engine.Session session = engine.session()) {
            List<GenerationRequest> requests = requests(options, tokenizer);
            EngineStats before = engine.stats();
            long start = System.nanoTime();
            int next = 0;
            while (next < requests.size() || session.inFlight() > 0) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                session.poll(Duration.ofMillis(20));
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            return (engine.stats().outputTokens() - before.outputTokens()) / seconds;
        }
    }

    private List<GenerationRequest> requests(GenerateOptions options, Tokenizer tokenizer) {
        List<GenerationRequest> requests = new ArrayList<>();
        Set<Integer> endTokens = tokenizer.endTokens();
        for (Row row :
                spark.read().parquet(DEMO.resolve("prompts.parquet").toString()).collectAsList()) {
            requests.add(new GenerationRequest(
                    requests.size(),
                    tokenizer.encode(row.getAs("prompt"), true),
                    options.sampling(),
                    0,
                    endTokens,
                    StopCheck.NEVER));
        }
        return requests;
    }
}
