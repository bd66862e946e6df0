package nighttrain.executor.benchmark;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.StopCheck;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The GPU engine alone, random weights, one batch of requests of one length: output tokens per second, and how long the devices wait
 * for the host per step. {@code -Dbench.shape=dense-8b -Dbench.batch=256 -Dbench.input=1024 -Dbench.output=128 -Dbench.ranks=1
 * -Dbench.rounds=3 -Dbench.deterministic=false}; the first round warms up.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class GpuEngineBenchmark {
    private final int batch = Integer.getInteger("bench.batch", 256);
    private final int input = Integer.getInteger("bench.input", 1024);
    private final int output = Integer.getInteger("bench.output", 128);

    @Test
    void outputTokensPerSecond() throws Exception {
        String name = System.getProperty("bench.shape", "dense-8b");
        boolean deterministic = Boolean.getBoolean("bench.deterministic");
        EngineConfig config = new EngineConfig(
                        Backend.CUDA, Integer.getInteger("bench.ranks", 1), 1, batch, 0, 4_096, 16, 0, true, 0)
                .with(new GpuConfig(List.of(), 0.90, deterministic, false));
        long opening = System.nanoTime();
        try (Checkpoint checkpoint =
                        Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", name));
                Engine engine = Engines.open(config, checkpoint)) {
            System.out.printf("%s opens in %.1f s%n", name, (System.nanoTime() - opening) / 1e9);
            for (int round = 0; round < Integer.getInteger("bench.rounds", 3); round++) {
                EngineStats before = engine.stats();
                long start = System.nanoTime();
                run(engine, new Random(round), checkpoint.spec().vocabSize());
                double wall = (System.nanoTime() - start) / 1e9;
                EngineStats after = engine.stats();
                double busy = (after.busyNanos() - before.busyNanos()) / 1e9;
                long steps = after.steps() - before.steps();
                System.out.printf(
                        "%s %d/%d batch %d%s, round %d: %.0f output tokens/s, idle %.2f %%, %.0f us per step (%d steps)%n",
                        name,
                        input,
                        output,
                        batch,
                        deterministic ? ", deterministic" : "",
                        round,
                        batch * (double) output / wall,
                        100 * (1 - busy / wall),
                        (wall - busy) * 1e6 / steps,
                        steps);
            }
        }
    }

    private void run(Engine engine, Random random, int vocabulary) throws InterruptedException {
        SamplingParams sampling = new SamplingParams(output, 0, 0, 1, 0, 1, 0, 0, -1, true, false);
        try (Engine.Session session = engine.session()) {
            for (int i = 0; i < batch; i++) {
                int[] prompt = random.ints(input, 0, vocabulary).toArray();
                session.offer(new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER));
            }
            while (session.inFlight() > 0) {
                session.poll(Duration.ofSeconds(60));
            }
        }
    }
}
