package nighttrain.executor.benchmark;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Layout;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the GPU engine alone with random weights under loads of requests of one length or of mixed lengths. Prints output tokens per second
 * and how long the devices wait for the host per step. {@code -Dbench.shape=dense-8b -Dbench.loads=256x1024/128 -Dbench.batch=256 -Dbench.tokens=0
 * -Dbench.ranks=1 -Dbench.rounds=3 -Dbench.deterministic=false -Dbench.quantization=none -Dbench.kv=bf16}. A load is
 * {@code requests x prompt tokens / output tokens}; commas separate several loads. With {@code m} before it, lengths range from an eighth to
 * twice these, evenly on a logarithmic scale. If batch or tokens is 0, the engine chooses it for the first load. The first round warms up with
 * one batch of the first load.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class GpuEngineBenchmark {
    private static final int SHORTEST_LIMIT = 4_096;

    /** Requests of one length, or of lengths around it if {@code mixed}. */
    private record Load(int requests, int input, int output, boolean mixed) {
        static Load parse(String text) {
            String[] numbers = text.replace("m", "").split("[x/]", -1);
            return new Load(
                    Integer.parseInt(numbers[0]),
                    Integer.parseInt(numbers[1]),
                    Integer.parseInt(numbers[2]),
                    text.startsWith("m"));
        }

        Load atMost(int most) {
            return new Load(Math.min(most, requests), input, output, mixed);
        }

        int length(Random random, int given) {
            return mixed ? Math.max(1, (int) (given * Math.pow(2, 4 * random.nextDouble() - 3))) : given;
        }

        @Override
        public String toString() {
            return (mixed ? "m" : "") + requests + "x" + input + "/" + output;
        }
    }

    private final List<Load> loads = Arrays.stream(
                    System.getProperty("bench.loads", "256x1024/128").split(","))
            .map(Load::parse)
            .toList();

    @Test
    void outputTokensPerSecond() throws Exception {
        String name = System.getProperty("bench.shape", "dense-8b");
        boolean deterministic = Boolean.getBoolean("bench.deterministic");
        WeightFormat.Choice weights = WeightFormat.Choice.valueOf(
                System.getProperty("bench.quantization", "none").toUpperCase(Locale.ROOT));
        KvFormat.Choice kv =
                KvFormat.Choice.valueOf(System.getProperty("bench.kv", "bf16").toUpperCase(Locale.ROOT));
        EngineConfig config = EngineConfig.on(Backend.CUDA)
                .with(new Layout(1, Integer.getInteger("bench.ranks", 1)))
                .with(new StepConfig(
                        Integer.getInteger("bench.batch", 256), Integer.getInteger("bench.tokens", 0), longest()))
                .with(new Lengths(loads.get(0).input(), loads.get(0).output()))
                .with(new GpuConfig(List.of(), 0.90, deterministic, false))
                .with(weights)
                .with(new KvConfig(16, 0, true, kv));
        long opening = System.nanoTime();
        try (Checkpoint checkpoint = Steps.weights(name);
                Engine engine = Engines.open(config, checkpoint)) {
            int batch = engine.plan().maxNumSeqs();
            System.out.printf(
                    "%s opens in %.1f s: batch %d, %d tokens a step; %s%n",
                    name,
                    (System.nanoTime() - opening) / 1e9,
                    batch,
                    engine.plan().maxBatchTokens(),
                    engine.plan().choice().orElse("as given"));
            int vocabulary = checkpoint.spec().vocabSize();
            run(engine, loads.get(0).atMost(batch), new Random(0), vocabulary);
            for (int round = 1; round < Integer.getInteger("bench.rounds", 3); round++) {
                for (Load load : loads) {
                    EngineStats before = engine.stats();
                    long start = System.nanoTime();
                    run(
                            engine,
                            load,
                            new Random(load.hashCode() + round),
                            vocabulary); // no other load has these prompts
                    double wall = (System.nanoTime() - start) / 1e9;
                    EngineStats after = engine.stats();
                    double busy = (after.steps().busyNanos() - before.steps().busyNanos()) / 1e9;
                    long steps = after.steps().count() - before.steps().count();
                    System.out.printf(
                            "%s %s batch %d, %d tokens a step%s, round %d: %.0f output tokens/s, idle %.2f %%, %.0f us per step"
                                    + " (%d steps, %d preemptions)%n",
                            name,
                            load,
                            batch,
                            engine.plan().maxBatchTokens(),
                            deterministic ? ", deterministic" : "",
                            round,
                            (after.tokens().output() - before.tokens().output()) / wall,
                            100 * (1 - busy / wall),
                            (wall - busy) * 1e6 / steps,
                            steps,
                            after.preemptions() - before.preemptions());
                }
            }
        }
    }

    /** Returns the most tokens of a sequence. */
    private int longest() {
        return loads.stream()
                .mapToInt(load -> (load.mixed() ? 2 : 1) * (load.input() + load.output()))
                .reduce(SHORTEST_LIMIT, Math::max);
    }

    private static void run(Engine engine, Load load, Random random, int vocabulary) throws InterruptedException {
        try (Engine.Session session = engine.session()) {
            for (int i = 0; i < load.requests(); i++) {
                int[] prompt = random.ints(load.length(random, load.input()), 0, vocabulary)
                        .toArray();
                SamplingParams sampling = SamplingParams.greedy(load.length(random, load.output()))
                        .withIgnoreEos(true);
                GenerationRequest request = new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER);
                while (!session.offer(request)) {
                    check(session.poll(Duration.ofMillis(1)));
                }
            }
            while (session.inFlight() > 0) {
                check(session.poll(Duration.ofSeconds(60)));
            }
        }
    }

    /** Throws if a request failed, since it would count as a fast one. */
    private static void check(Optional<Generation> answered) {
        answered.flatMap(Generation::error).ifPresent(error -> {
            throw new IllegalStateException(error.toString());
        });
    }
}
