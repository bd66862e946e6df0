package nighttrain.executor.benchmark;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Layout;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Compares two ways to label rows, in rows per second: by scores, which give the probabilities of all labels, and by constrained text, which gives
 * one label. Prompts have 200 tokens; five labels have one token or {@code -Dbench.tokens} tokens each, with different first tokens. The first
 * {@code -Dbench.shared=0} tokens of the prompts are the same in all rows.
 * {@code -Dbench.shape=dense-8b -Dbench.rows=1024 -Dbench.page=16 -Dbench.rounds=3}; the first round warms up. On shared CPUs rows per
 * processor second are more reliable than rows per second.
 */
@Tag("benchmark")
@Timeout(900)
abstract class AbstractLabelBenchmark {
    private static final int PROMPT = 200;
    private static final int LABELS = 5;
    private static final int END = 0;
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final Backend backend;
    private final String shape;
    private final int batch;
    private final int rows;
    private final int rounds = Integer.getInteger("bench.rounds", 3);
    private final int page = Integer.getInteger("bench.page", 16);
    private final int shared = Integer.getInteger("bench.shared", 0);

    AbstractLabelBenchmark(Backend backend, String shape, int batch, int rows) {
        this.backend = backend;
        this.shape = System.getProperty("bench.shape", shape);
        this.batch = Integer.getInteger("bench.batch", batch);
        this.rows = Integer.getInteger("bench.rows", rows);
    }

    @Test
    void scoresBesideConstrainedText() throws Exception {
        Path folder = Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", shape);
        int threads = backend == Backend.CPU ? Integer.getInteger("bench.threads", 2) : 0;
        EngineConfig config = EngineConfig.on(backend)
                .with(new Layout(1, 1))
                .with(new StepConfig(batch, 0, 512))
                .with(new KvConfig(page, 0, true))
                .withThreads(threads);
        try (Checkpoint checkpoint = Checkpoints.dummy(folder);
                Engine engine = Engines.open(config, checkpoint)) {
            int vocabulary = checkpoint.spec().vocabSize();
            for (int tokens : new int[] {1, Integer.getInteger("bench.tokens", 3)}) {
                int[][] labels = labels(tokens);
                TokenConstraint constraint = new TokenConstraint(automaton(labels, vocabulary), false);
                List<Took> scored = new ArrayList<>();
                List<Took> generated = new ArrayList<>();
                for (int round = 0; round < rounds; round++) {
                    List<int[]> prompts = prompts(new Random(2L * round), vocabulary);
                    scored.add(run(engine, scores(prompts, labels)));
                    prompts = prompts(new Random(2L * round + 1), vocabulary); // none of these prompts is in the cache
                    generated.add(run(engine, texts(prompts, constraint)));
                }
                print(tokens, "rows/s", scored, generated, took -> rows / took.seconds());
                print(tokens, "rows/processor-s", scored, generated, took -> rows / took.processorSeconds());
                print(
                        tokens,
                        "tokens computed a row",
                        scored,
                        generated,
                        took -> took.computedTokens() / (double) rows);
            }
        }
    }

    /** The cost of a round. */
    private record Took(double seconds, double processorSeconds, long computedTokens) {}

    private void print(
            int tokens, String what, List<Took> scored, List<Took> generated, ToDoubleFunction<Took> figure) {
        System.out.printf(
                Locale.ROOT,
                "%s, labels of %d tokens: %s by scores %s, as constrained text %s, ratio of medians %.2f%n",
                shape,
                tokens,
                what,
                list(scored, figure),
                list(generated, figure),
                median(scored, figure) / median(generated, figure));
    }

    private static String list(List<Took> rounds, ToDoubleFunction<Took> figure) {
        return rounds.stream()
                .map(took -> String.format(Locale.ROOT, "%.2f", figure.applyAsDouble(took)))
                .collect(Collectors.joining(" "));
    }

    private static double median(List<Took> rounds, ToDoubleFunction<Took> figure) {
        double[] warm = rounds.stream()
                .skip(Math.min(1, rounds.size() - 1))
                .mapToDouble(figure)
                .sorted()
                .toArray();
        return warm[warm.length / 2];
    }

    private List<int[]> prompts(Random random, int vocabulary) {
        int[] beginning = random.ints(shared, 100, vocabulary).toArray();
        return IntStream.range(0, rows)
                .mapToObj(
                        row -> IntStream.concat(IntStream.of(beginning), random.ints(PROMPT - shared, 100, vocabulary))
                                .toArray())
                .toList();
    }

    private static int[][] labels(int tokens) {
        return IntStream.range(0, LABELS)
                .mapToObj(label ->
                        IntStream.range(1, 1 + tokens).map(t -> 10 * label + t).toArray())
                .toArray(int[][]::new);
    }

    /** Returns the requests of a label job: one for all labels of one token, else one a label, with each edge of the labels' trie once. */
    private static List<GenerationRequest> scores(List<int[]> prompts, int[][] labels) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int[] prompt : prompts) {
            List<Score> first = new ArrayList<>();
            for (int[] label : labels) {
                first.add(new Score(PROMPT, label[0]));
            }
            for (int[] label : labels) {
                List<Score> scores = new ArrayList<>(label == labels[0] ? first : List.of());
                int[] tokens = Arrays.copyOf(prompt, PROMPT + label.length - 1);
                for (int i = 1; i < label.length; i++) {
                    tokens[PROMPT + i - 1] = label[i - 1];
                    scores.add(new Score(PROMPT + i, label[i]));
                }
                if (!scores.isEmpty()) {
                    requests.add(request(requests.size(), tokens, 1, Optional.empty(), scores));
                }
            }
        }
        return requests;
    }

    private static List<GenerationRequest> texts(List<int[]> prompts, TokenConstraint constraint) {
        List<GenerationRequest> requests = new ArrayList<>();
        prompts.forEach(
                prompt -> requests.add(request(requests.size(), prompt, 16, Optional.of(constraint), List.of())));
        return requests;
    }

    private static GenerationRequest request(
            int id, int[] tokens, int maxTokens, Optional<TokenConstraint> constraint, List<Score> scores) {
        return new GenerationRequest(
                id, tokens, SamplingParams.greedy(maxTokens), id, Set.of(END), StopCheck.NEVER, constraint, scores);
    }

    /** Returns an automaton where each label is a separate path from the start to an accepting state. */
    private static TokenAutomaton automaton(int[][] labels, int vocabulary) {
        int tokens = labels[0].length;
        int states = 1 + LABELS * tokens;
        int classes = 2 + LABELS * tokens;
        int[] classOf = new int[vocabulary];
        classOf[END] = TokenAutomaton.END_CLASS;
        int[] next = new int[states * classes];
        Arrays.fill(next, TokenAutomaton.REFUSED);
        int[] fewest = new int[states];
        fewest[0] = tokens;
        for (int label = 0; label < LABELS; label++) {
            for (int i = 0; i < tokens; i++) {
                int step = label * tokens + i;
                int state = 1 + step;
                classOf[labels[label][i]] = 2 + step;
                next[(i == 0 ? 0 : state - 1) * classes + 2 + step] = state;
                fewest[state] = tokens - 1 - i;
            }
            int last = 1 + label * tokens + tokens - 1;
            next[last * classes + TokenAutomaton.END_CLASS] = last;
        }
        return new TokenAutomaton(classes, classOf, next, fewest);
    }

    private Took run(Engine engine, List<GenerationRequest> requests) throws InterruptedException {
        EngineStats before = engine.stats();
        long processorNanos = PROCESS.getProcessCpuTime();
        long start = System.nanoTime();
        try (Engine.Session session = engine.session()) {
            for (GenerationRequest request : requests) {
                while (!session.offer(request)) {
                    session.poll(Duration.ofMillis(50));
                }
            }
            while (session.inFlight() > 0) {
                session.poll(Duration.ofSeconds(60));
            }
        }
        long nanos = System.nanoTime() - start;
        return new Took(
                nanos / 1e9, (PROCESS.getProcessCpuTime() - processorNanos) / 1e9, computed(before, engine.stats()));
    }

    /** Returns the tokens computed: all but those in the prefix cache and the last token of each output, which no token follows. */
    private static long computed(EngineStats before, EngineStats after) {
        long prompts = after.tokens().prompt() - before.tokens().prompt();
        long cached = after.tokens().cachedPrompt() - before.tokens().cachedPrompt();
        long outputs = after.tokens().output() - before.tokens().output();
        return prompts - cached + (outputs == 0 ? 0 : outputs - (after.finished() - before.finished()));
    }
}
