package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Goldens;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.Layout;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.run.RankGroup;
import nighttrain.executor.run.Replica;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.StateFormat;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A sequence's state does not depend on the previous user of its slot, on how its prompt is cut, or on when its steps are planned. */
class RecurrentStatesTest {
    private static final Set<Integer> STOPS = Set.of(7, 8, 9);
    private static final int VOCABULARY = 96;
    private static final Offset<Float> LOGPROB_ERROR = Offset.offset(1e-4f);

    /** Cutting a prompt of 80 tokens, which may include some of the golden's text, changes no bit of the log-probabilities at any position. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5, 1",
        "qwen3_5, 2",
        "qwen3_5, 4",
        "qwen3_5-multimodal, 4",
        "qwen3_5-moe, 2",
        "qwen3-next, 1",
        "qwen3-next, 2",
        "qwen3-next, 4",
        "granitemoehybrid, 1",
        "granitemoehybrid, 2",
        "granitemoehybrid, 4",
        "granitemoehybrid-groups, 2",
        "granitemoehybrid-groups, 4",
        "granitemoehybrid-experts, 4",
        "gla, 1",
        "gla, 4",
        "gla-convolved, 2"
    })
    void noCutOfThePromptChangesABit(String name, int ranks) throws Exception {
        Golden golden = Goldens.of(name).get(2);
        int[] text = IntStream.concat(IntStream.of(golden.ids()), IntStream.of(golden.greedy()))
                .toArray();
        int[] prompt = Arrays.copyOf(text, 80);
        Generation whole = answer(name, ranks, StateFormat.FP32, 1024, prompt);
        assertThat(whole.tokens()).startsWith(Arrays.copyOfRange(text, prompt.length, text.length));
        assertThat(whole.promptLogprobs()).hasSize(prompt.length - 1);
        for (int cut : new int[] {1, 2, 3, 4, 5, 62, 63, 64, 65, 66, 79}) {
            Generation inPieces = answer(name, ranks, StateFormat.FP32, cut, prompt);
            assertThat(inPieces.promptLogprobs()).as("cut at %d", cut).isEqualTo(whole.promptLogprobs());
            assertThat(inPieces.logprobs()).as("cut at %d", cut).isEqualTo(whole.logprobs());
        }
    }

    /** States in bf16 are rounded after every token, so no cut changes a bit of the results. The error from rounding is small but not zero. */
    @ParameterizedTest
    @CsvSource({"qwen3_5, 1", "granitemoehybrid, 1"})
    void statesInHalfTheMemory(String name, int ranks) throws Exception {
        int[] prompt = Goldens.of(name).get(2).ids();
        List<TokenLogprobs> exact =
                answer(name, ranks, StateFormat.FP32, 1024, prompt).promptLogprobs();
        Generation whole = answer(name, ranks, StateFormat.BF16, 1024, prompt);
        assertThat(whole.promptLogprobs()).isNotEqualTo(exact);
        double apart = IntStream.range(0, exact.size())
                .mapToDouble(i -> Math.abs(
                        whole.promptLogprobs().get(i).logprob() - exact.get(i).logprob()))
                .average()
                .orElseThrow();
        assertThat(apart).isBetween(1e-4, 1e-1);
        for (int cut : new int[] {1, 3, 63, 64, 79}) {
            Generation inPieces = answer(name, ranks, StateFormat.BF16, cut, prompt);
            assertThat(inPieces.promptLogprobs()).as("cut at %d", cut).isEqualTo(whole.promptLogprobs());
            assertThat(inPieces.logprobs()).as("cut at %d", cut).isEqualTo(whole.logprobs());
        }
    }

    private static Generation answer(String name, int ranks, StateFormat states, int maxBatchTokens, int[] prompt)
            throws Exception {
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, ranks))
                .with(new StepConfig(1, maxBatchTokens, 0))
                .with(states)
                .withThreads(2);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config, checkpoint);
                Engine.Session session = engine.session()) {
            SamplingParams scored = SamplingParams.greedy(64).withLogprobs(3).withPromptLogprobs(true);
            session.offer(new GenerationRequest(1, prompt, scored, 1, Set.of(), StopCheck.NEVER));
            return session.poll(Duration.ofSeconds(30)).orElseThrow();
        }
    }

    /**
     * Up to three hundred sequences share few slots. Each gets the text that one forward pass over all of it gives on a fresh device. Steps are
     * planned one after the other or a step ahead; then rows of ended sequences still write to their slots. Where pages are few, sequences are
     * preempted and recomputed. Every other prompt shares its beginning with some others, so that it can start from a snapshot.
     */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5, 0, 400, 3, 300, false",
        "qwen3_5, 1, 400, 3, 300, false",
        "qwen3_5, 0, 20, 6, 80, true",
        "qwen3_5, 1, 20, 6, 80, true",
        "qwen3_5-multimodal, 1, 20, 4, 80, true",
        "granitemoehybrid-groups, 1, 400, 3, 80, false",
        "granitemoehybrid, 1, 20, 6, 80, true",
        "granitemoehybrid-experts, 1, 20, 4, 80, true",
        "qwen3-next, 1, 20, 4, 80, true",
        "qwen3_5-moe, 1, 20, 4, 80, true",
        "gla-convolved, 1, 400, 3, 80, false"
    })
    void everySequenceHasAStateOfItsOwn(String name, int ahead, int pages, int slots, int count, boolean preempted)
            throws Exception {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            Random random = new Random(7);
            int[] beginning = random.ints(18, 0, VOCABULARY).toArray();
            List<GenerationRequest> requests = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int[] prompt =
                        random.ints(1 + random.nextInt(30), 0, VOCABULARY).toArray();
                System.arraycopy(beginning, 0, prompt, 0, i % 4 < 2 ? 0 : Math.min(prompt.length, i % 4 * 6));
                // Where no output ends early, the scheduler expects each output to reach twice its current length.
                SamplingParams sampling = SamplingParams.greedy(1 + random.nextInt(40))
                        .withLogprobs(0)
                        .withPromptLogprobs(i % 3 == 0)
                        .withIgnoreEos(preempted || i % 2 == 0);
                List<Score> scores = i % 5 == 4 ? scores(random, prompt.length) : List.of();
                requests.add(new GenerationRequest(
                        i, prompt, sampling, i, STOPS, StopCheck.NEVER, Optional.empty(), scores));
            }
            List<Generation> answers = run(checkpoint, ahead, pages, slots, requests, preempted);
            assertThat(answers).hasSize(count);
            answers.forEach(answer -> check(checkpoint, requests.get((int) answer.id()), answer));
        }
    }

    /** Returns random scores, several of them at one position. */
    private static List<Score> scores(Random random, int length) {
        return random.ints(1 + random.nextInt(20), 1, length + 1)
                .sorted()
                .mapToObj(position -> new Score(position, random.nextInt(VOCABULARY)))
                .toList();
    }

    private static List<Generation> run(
            Checkpoint checkpoint, int ahead, int pages, int slots, List<GenerationRequest> requests, boolean preempted)
            throws InterruptedException {
        StepLimits limits = new StepLimits(8, 20, 16, 80);
        CacheLayout layout = CacheLayout.of(CacheSpec.of(checkpoint.spec(), 1, Float.BYTES, 80), 4, pages, slots)
                .withSnapshots(slots / 3);
        PageAllocator allocator = new PageAllocator(layout, true);
        Device device = CpuDevice.ranks(1, 2).get(0);
        RankGroup ranks = RankGroup.load(
                "test", checkpoint, List.of(ahead == 0 ? device : new AheadDevice(device)), limits, layout);
        BlockingQueue<Generation> answers = new LinkedBlockingQueue<>();
        List<Generation> all = new ArrayList<>();
        try (Replica replica =
                new Replica("test", new Scheduler(limits, allocator, 1), allocator, ranks, requests.size())) {
            requests.forEach(request -> replica.offer(new Sequence(request, 0), new Replica.Listener() {
                @Override
                public void finished(Generation generation) {
                    answers.add(generation);
                }

                @Override
                public void failed(RuntimeException failure) {
                    throw failure;
                }
            }));
            while (all.size() < requests.size()) {
                Generation next = answers.poll(30, TimeUnit.SECONDS);
                assertThat(next).as("an answer after %d", all.size()).isNotNull();
                all.add(next);
            }
            assertThat(replica.stats().preemptions() > 0).isEqualTo(preempted);
            assertThat(replica.stats().tokens().cachedPrompt()).isPositive();
        }
        assertThat(allocator.slots().available()).isEqualTo(slots);
        return all;
    }

    /** Checks an answer against the logits of one pass over the prompt and the text after it. */
    private static void check(Checkpoint checkpoint, GenerationRequest request, Generation answer) {
        int prompt = request.promptTokens().length;
        int[] text = Arrays.copyOf(request.promptTokens(), prompt + answer.tokens().length);
        System.arraycopy(answer.tokens(), 0, text, prompt, answer.tokens().length);
        float[] logits = DecoderHarness.logits(checkpoint, 1, text);
        assertThat(answer.scores()).hasSameSizeAs(request.scores());
        for (int i = 0; i < request.scores().size(); i++) {
            Score score = request.scores().get(i);
            assertThat(answer.scores().get(i))
                    .isEqualTo((float) logprob(logits, score.position() - 1, score.token()), LOGPROB_ERROR);
        }
        for (int i = 0; i < answer.tokens().length; i++) {
            assertThat(answer.tokens()[i])
                    .as("token %d of request %d", i, request.id())
                    .isEqualTo(largest(logits, prompt - 1 + i));
            assertThat(answer.logprobs().get(i).logprob())
                    .isEqualTo((float) logprob(logits, prompt - 1 + i, answer.tokens()[i]), LOGPROB_ERROR);
        }
        if (answer.finishReason() == FinishReason.STOP && request.scores().isEmpty()) {
            assertThat(STOPS).contains(largest(logits, text.length - 1));
        }
        for (int i = 0; i < answer.promptLogprobs().size(); i++) {
            TokenLogprobs scored = answer.promptLogprobs().get(i);
            assertThat(scored.logprob()).isEqualTo((float) logprob(logits, i, text[i + 1]), LOGPROB_ERROR);
        }
    }

    private static int largest(float[] logits, int row) {
        int largest = 0;
        for (int token = 1; token < VOCABULARY; token++) {
            largest = logits[row * VOCABULARY + token] > logits[row * VOCABULARY + largest] ? token : largest;
        }
        return largest;
    }

    private static double logprob(float[] logits, int row, int token) {
        double sum = 0;
        for (int i = row * VOCABULARY; i < (row + 1) * VOCABULARY; i++) {
            sum += Math.exp(logits[i]);
        }
        return logits[row * VOCABULARY + token] - Math.log(sum);
    }

    /** A device whose next step begins before the host has received the samples of the previous one. */
    private static final class AheadDevice extends PassingDevice implements StepIo {
        private List<SampledToken> sampled = List.of();

        AheadDevice(Device real) {
            super(real);
        }

        @Override
        public int stepsAhead() {
            return 1;
        }

        @Override
        public StepIo stepIo() {
            return this;
        }

        @Override
        public void begin(Batch batch) {
            int[] tokens = Arrays.stream(batch.tokens())
                    .map(token -> token < 0 ? sampled.get(~token).token() : token)
                    .toArray();
            real.stepIo()
                    .begin(new Batch(
                            tokens,
                            batch.positions(),
                            batch.queryStarts(),
                            batch.pageTables(),
                            batch.slots(),
                            batch.copies(),
                            batch.stateCopies(),
                            batch.outputRows(),
                            batch.samples(),
                            batch.padding()));
        }

        @Override
        public StepHandle end() {
            sampled = real.stepIo().end().await();
            List<SampledToken> ofThisStep = sampled;
            return () -> ofThisStep;
        }

        @Override
        public long busyNanos() {
            return real.stepIo().busyNanos();
        }
    }
}
