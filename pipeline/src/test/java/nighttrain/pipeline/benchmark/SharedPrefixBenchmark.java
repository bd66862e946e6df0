package nighttrain.pipeline.benchmark;

import static org.apache.spark.sql.functions.spark_partition_id;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Layout;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.partition.PartitionPlan;
import nighttrain.pipeline.partition.TokenEstimate;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the share of prompt tokens found in the prefix cache for six questions about each of 70 tickets, shuffled, on four real engines one after
 * another. Engines first get quarters of the input, then the partition plan's tasks in turn.
 */
@Tag("benchmark")
class SharedPrefixBenchmark {
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    private static final int DOCUMENTS = 70;
    private static final int QUESTIONS = 6;
    private static final int ENGINES = 4;
    private static final EngineConfig CONFIG = EngineConfig.on(Backend.CPU)
            .with(new Layout(1, 1))
            .with(new StepConfig(8, 0, 0))
            .with(new KvConfig(16, 400, true))
            .withThreads(2);

    private final SparkSession spark = TestSpark.compiling();

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void cachedShareWithAndWithoutGroups() throws InterruptedException {
        Dataset<Row> prompts = shuffled();
        List<Row> plain = prompts.orderBy("position").collectAsList();
        List<Row> dealt = PartitionPlan.of(
                        prompts,
                        plain.size(),
                        new TokenEstimate(2, 512, TokenEstimate.CHARS_PER_TOKEN),
                        CONFIG.steps().maxNumSeqs())
                .partition(prompts)
                .withColumn("task", spark_partition_id())
                .collectAsList();
        List<List<String>> quarters = empty();
        List<List<String>> tasks = empty();
        for (int i = 0; i < plain.size(); i++) {
            quarters.get(i * ENGINES / plain.size()).add(plain.get(i).getAs("prompt"));
            tasks.get(dealt.get(i).<Integer>getAs("task") % ENGINES)
                    .add(dealt.get(i).getAs("prompt"));
        }
        System.out.printf(
                "prompt tokens found in the cache: %.3f in input order, %.3f in feed order%n",
                cachedShare(quarters), cachedShare(tasks));
    }

    private Dataset<Row> shuffled() {
        Dataset<Row> made = spark.read()
                .parquet(DEMO.resolve("prompts.parquet").toString())
                .limit(DOCUMENTS)
                .selectExpr("prompt as document", "explode(sequence(1, " + QUESTIONS + ")) as question")
                .selectExpr(
                        "row_number() over (order by xxhash64(document, question)) - 1L as position",
                        "0 as sample",
                        "concat(document, ' Question ', question, ': what does the customer want?') as prompt",
                        "cast(null as string) as messages");
        return spark.createDataset(made.collectAsList(), Encoders.row(made.schema()));
    }

    private static List<List<String>> empty() {
        List<List<String>> lists = new ArrayList<>();
        for (int engine = 0; engine < ENGINES; engine++) {
            lists.add(new ArrayList<>());
        }
        return lists;
    }

    private static double cachedShare(List<List<String>> promptsOfEngines) throws InterruptedException {
        long cached = 0;
        long all = 0;
        for (List<String> prompts : promptsOfEngines) {
            EngineStats stats = compute(prompts);
            cached += stats.tokens().cachedPrompt();
            all += stats.tokens().prompt();
        }
        return (double) cached / all;
    }

    private static EngineStats compute(List<String> prompts) throws InterruptedException {
        Path model = DEMO.resolve("model");
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Tokenizer tokenizer = Tokenizer.open(model);
                Engine engine = Engines.open(CONFIG, checkpoint);
                Engine.Session session = engine.session()) {
            int next = 0;
            while (next < prompts.size() || session.inFlight() > 0) {
                while (next < prompts.size()
                        && session.offer(request(next, tokenizer.encode(prompts.get(next), true)))) {
                    next++;
                }
                session.poll(Duration.ofMillis(20));
            }
            return engine.stats();
        }
    }

    private static GenerationRequest request(long id, int[] tokens) {
        return new GenerationRequest(id, tokens, SamplingParams.greedy(2), 0, Set.of(), StopCheck.NEVER);
    }
}
