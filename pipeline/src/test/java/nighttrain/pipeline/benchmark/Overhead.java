package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.Engines;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Runs rounds of the demo model, by jobs or by the engine alone, and appends the output tokens/s of all but the first to a file. Arguments: scratch
 * directory, that file, whose name is {@code jobs} or {@code bare}, the demo's folder, how often to ask each prompt.
 */
public final class Overhead {
    private static final int ROUNDS = 4;

    private final SparkSession spark;
    private final Path dir;
    private final Path demo;

    private Overhead(SparkSession spark, Path dir, Path demo) {
        this.spark = spark;
        this.dir = dir;
        this.demo = demo;
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Path dir = Path.of(args[0]);
        Path rates = Path.of(args[1]);
        boolean jobs = rates.endsWith("jobs");
        try (SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.local.dir", dir.resolve("spark").toString())
                .config("spark.plugins", "nighttrain.pipeline.engine.NightTrainPlugin")
                .getOrCreate()) {
            Overhead overhead = new Overhead(spark, dir, Path.of(args[2]));
            Path prompts = overhead.prompts(Integer.parseInt(args[3]));
            for (int round = 0; round < ROUNDS; round++) {
                GenerateOptions options = overhead.options(prompts);
                double rate = jobs ? overhead.job(options) : overhead.bare(options);
                System.out.printf("%s, round %d: %.0f output tokens/s%n", rates.getFileName(), round, rate);
                if (round > 0) {
                    Files.writeString(rates, rate + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                }
            }
        }
    }

    private Path prompts(int times) {
        Path prompts = dir.resolve("prompts");
        if (!Files.exists(prompts)) {
            spark.read()
                    .parquet(demo.resolve("prompts.parquet").toString())
                    .crossJoin(spark.range(times).toDF("time"))
                    .selectExpr(times == 1 ? "prompt" : "concat(time, ' ', prompt) as prompt")
                    .write()
                    .parquet(prompts.toString());
        }
        return prompts;
    }

    /** Turns the prefix cache off: jobs keep their engine, which would know the prompts of the previous round. */
    private GenerateOptions options(Path prompts) throws IOException {
        return GenerateOptions.of(SettingValues.none()
                .with(Settings.MODEL, demo.resolve("model").toString())
                .with(Settings.INPUT_PATH, prompts.toString())
                .with(
                        Settings.OUTPUT_PATH,
                        Files.createTempDirectory(dir, "run").resolve("out").toString())
                .with(Settings.PREFIX_CACHE, false)
                .with(Settings.THREADS, 2));
    }

    private double job(GenerateOptions options) {
        return new GenerateJob()
                .run(spark, options, ProgressListener.SILENT)
                .tokens()
                .outputPerS();
    }

    /** Offers the same prompts as token ids, as fast as the engine accepts them. */
    private double bare(GenerateOptions options) throws InterruptedException {
        Path model = Path.of(options.model());
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Tokenizer tokenizer = Tokenizer.open(model);
                Engine engine = Engines.open(options.engine(), checkpoint);
                Engine.Session session = engine.session()) {
            List<GenerationRequest> requests = requests(options, tokenizer);
            long start = System.nanoTime();
            long tokens = 0; // of results, as in a job: the engine also counts the end tokens that it drops
            int next = 0;
            while (next < requests.size() || session.inFlight() > 0) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                tokens += session.poll(Duration.ofMillis(20))
                        .map(answer -> answer.tokens().length)
                        .orElse(0);
            }
            return tokens / ((System.nanoTime() - start) / 1e9);
        }
    }

    private List<GenerationRequest> requests(GenerateOptions options, Tokenizer tokenizer) {
        Set<Integer> endTokens = tokenizer.endTokens();
        List<GenerationRequest> requests = new ArrayList<>();
        for (Row row : spark.read().parquet(dir.resolve("prompts").toString()).collectAsList()) {
            requests.add(new GenerationRequest(
                    requests.size(),
                    tokenizer.encode(row.getAs("prompt"), true),
                    options.decoding().sampling(),
                    0,
                    endTokens,
                    StopCheck.NEVER));
        }
        return requests;
    }
}
