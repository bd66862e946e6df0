package nighttrain.executor.benchmark;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Layout;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures the cost of constraints: rounds of one decoding batch, in turn without a constraint and with one of 2,000 states and 1,000 classes that
 * allows about half of all tokens. {@code -Dbench.shape=bench-100m -Dbench.vocabulary=32000 -Dbench.batch=64 -Dbench.output=32
 * -Dbench.rounds=4}; the first round of each warms up.
 */
@Tag("benchmark")
@Timeout(600)
abstract class AbstractConstraintBenchmark {
    private static final int STATES = 2_000;
    private static final int CLASSES = 1_000;
    private static final int END = 0;
    private static final int INPUT = 16;
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final Backend backend;
    private final String shape;
    private final int vocabulary;
    private final int batch;
    private final int output;
    private final int rounds = Integer.getInteger("bench.rounds", 4);

    AbstractConstraintBenchmark(Backend backend, String shape, int vocabulary, int batch, int output) {
        this.backend = backend;
        this.shape = System.getProperty("bench.shape", shape);
        this.vocabulary = Integer.getInteger("bench.vocabulary", vocabulary);
        this.batch = Integer.getInteger("bench.batch", batch);
        this.output = Integer.getInteger("bench.output", output);
    }

    @Test
    void constrainedBesideUnconstrained(@TempDir Path folder) throws Exception {
        Path config = Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", shape, "config.json");
        Files.writeString(
                folder.resolve("config.json"),
                Files.readString(config).replaceFirst("\"vocab_size\": \\d+", "\"vocab_size\": " + vocabulary));
        int threads = backend == Backend.CPU ? Integer.getInteger("bench.threads", 2) : 0;
        int ranks = Integer.getInteger("bench.ranks", 1);
        EngineConfig engineConfig = EngineConfig.on(backend)
                .with(new Layout(1, ranks))
                .with(new StepConfig(batch, 0, 512))
                .withThreads(threads);
        try (Checkpoint checkpoint = Checkpoints.dummy(folder);
                Engine engine = Engines.open(engineConfig, checkpoint)) {
            Optional<TokenConstraint> constraint = Optional.of(new TokenConstraint(automaton(vocabulary), false));
            List<Step> free = new ArrayList<>();
            List<Step> constrained = new ArrayList<>();
            for (int round = 0; round < rounds; round++) {
                free.add(step(engine, new Random(round), Optional.empty()));
                constrained.add(step(engine, new Random(round), constraint));
                System.out.printf(
                        "round %d: a step %s, under constraints %s%n", round, free.get(round), constrained.get(round));
            }
            print("ms a step", free, constrained, Step::millis);
            print("processor ms a step", free, constrained, Step::processorMillis);
        }
    }

    /** The mean time of a round's steps. On shared CPUs processor time is the more reliable figure. */
    private record Step(double millis, double processorMillis) {}

    private void print(String what, List<Step> free, List<Step> constrained, ToDoubleFunction<Step> figure) {
        double before = median(free, figure);
        double with = median(constrained, figure);
        System.out.printf(
                "%s, vocabulary %d, batch %d: %.3f %s, under constraints %.3f: %.2f %% more%n",
                shape, vocabulary, batch, before, what, with, 100 * (with / before - 1));
    }

    private static double median(List<Step> rounds, ToDoubleFunction<Step> figure) {
        double[] warm = rounds.stream()
                .skip(Math.min(1, rounds.size() - 1))
                .mapToDouble(figure)
                .sorted()
                .toArray();
        return warm[warm.length / 2];
    }

    private static TokenAutomaton automaton(int vocabulary) {
        Random random = new Random(1);
        int[] classOf = random.ints(vocabulary, 2, CLASSES).toArray();
        classOf[END] = TokenAutomaton.END_CLASS;
        int[] next = new int[STATES * CLASSES];
        for (int i = 0; i < next.length; i++) {
            boolean goesOn = i % CLASSES > TokenAutomaton.END_CLASS && random.nextBoolean();
            next[i] = goesOn ? random.nextInt(STATES) : TokenAutomaton.REFUSED;
        }
        for (int state = 0; state < STATES; state++) {
            next[state * CLASSES + TokenAutomaton.END_CLASS] = state;
        }
        return new TokenAutomaton(CLASSES, classOf, next, new int[STATES]);
    }

    /** Returns the mean over the steps of a round, one of which reads the prompts. */
    private Step step(Engine engine, Random random, Optional<TokenConstraint> constraint) throws InterruptedException {
        SamplingParams sampling = SamplingParams.greedy(output).withIgnoreEos(true);
        EngineStats before = engine.stats();
        long processorNanos = PROCESS.getProcessCpuTime();
        try (Engine.Session session = engine.session()) {
            for (int i = 0; i < batch; i++) {
                int[] prompt = random.ints(INPUT, 0, vocabulary).toArray();
                session.offer(new GenerationRequest(
                        i, prompt, sampling, i, Set.of(END), StopCheck.NEVER, constraint, List.of()));
            }
            while (session.inFlight() > 0) {
                session.poll(Duration.ofSeconds(60));
            }
        }
        EngineStats after = engine.stats();
        double steps = 1e6 * (after.steps().count() - before.steps().count());
        return new Step(
                (after.steps().nanos() - before.steps().nanos()) / steps,
                (PROCESS.getProcessCpuTime() - processorNanos) / steps);
    }
}
