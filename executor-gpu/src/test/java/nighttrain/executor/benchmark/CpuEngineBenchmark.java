package nighttrain.executor.benchmark;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the CPU engine alone on the shape of conf/shapes/bench-100m with random weights: 32 requests of 128 tokens in and 128 out, the
 * same load that notebooks/hf_generate_bench.py runs through Hugging Face transformers.
 */
@Tag("benchmark")
@Timeout(900)
class CpuEngineBenchmark {
    private static final int BATCH = 32;
    private static final int TOKENS = 128;
    private static final int ROUNDS = 4;

    @Test
    void outputTokensPerSecond() throws Exception {
        Path shape = Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", "bench-100m");
        int threads = Integer.getInteger("bench.threads", 2);
        int ranks = Integer.getInteger("bench.ranks", 1);
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, ranks))
                .with(new StepConfig(BATCH, 4_096, 0))
                .with(new KvConfig(16, 1_024, true))
                .withThreads(threads);
        double[] perSecond = new double[ROUNDS];
        try (Checkpoint checkpoint = Checkpoints.dummy(shape);
                Engine engine = Engines.open(config, checkpoint)) {
            for (int round = 0; round < ROUNDS; round++) {
                EngineStats before = engine.stats();
                long start = System.nanoTime();
                run(engine, new Random(round), checkpoint.spec().vocabSize());
                perSecond[round] = BATCH * TOKENS / ((System.nanoTime() - start) / 1e9);
                EngineStats after = engine.stats();
                System.out.printf(
                        "round %d: %.1f output tokens/s, %d steps, %.1f ms a step%n",
                        round,
                        perSecond[round],
                        after.steps().count() - before.steps().count(),
                        (after.steps().nanos() - before.steps().nanos())
                                / 1e6
                                / (after.steps().count() - before.steps().count()));
            }
        }
        double[] warm = Arrays.copyOfRange(perSecond, 1, ROUNDS);
        Arrays.sort(warm);
        System.out.printf(
                "{\"engine\": \"nighttrain-cpu\", \"threads\": %d, \"ranks\": %d, \"output_tokens_per_s\": %.1f}%n",
                threads, ranks, warm[warm.length / 2]);
    }

    private static void run(Engine engine, Random random, int vocabulary) throws InterruptedException {
        SamplingParams sampling = SamplingParams.greedy(TOKENS).withIgnoreEos(true);
        try (Engine.Session session = engine.session()) {
            for (int i = 0; i < BATCH; i++) {
                int[] prompt = random.ints(TOKENS, 0, vocabulary).toArray();
                session.offer(new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER));
            }
            while (session.inFlight() > 0) {
                session.poll(Duration.ofSeconds(60));
            }
        }
    }
}
