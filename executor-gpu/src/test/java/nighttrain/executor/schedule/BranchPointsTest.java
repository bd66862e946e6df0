package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.CacheSpec.RecurrentState;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prompts are cut only where they branch; a prompt that waits for a snapshot delays no other. */
class BranchPointsTest {
    private static final int PAGE_TOKENS = 16;

    private final Random random = new Random(4);
    private final List<Sequence> all = new ArrayList<>();

    /** The tokens that a slice computes: their sequence, first position and count. */
    private record Part(Sequence sequence, int start, int count) {}

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aWaveOfRowsComputesItsBeginningOnce(boolean hybrid) {
        Scheduler scheduler = scheduler(new StepLimits(256, 8192, 0, 300), hybrid, 256, 8, true);
        int[] instructions = tokens(200);
        IntStream.range(0, 256).forEach(i -> add(scheduler, instructions, tokens(20)));
        Step first = step(scheduler);
        assertThat(parts(first)).containsExactly(new Part(all.get(0), 0, 192));
        assertThat(first.batch().stateCopies().saved()).isEmpty();
        Step second = step(scheduler);
        assertThat(second.slices()).hasSize(256);
        assertThat(parts(second)).allMatch(part -> part.start == 192 && part.count == 28);
        assertThat(second.batch().stateCopies().saved()).hasSize(1);
        SlotCopy saved = second.batch().stateCopies().saved().get(0);
        assertThat(saved.from()).isEqualTo(all.get(0).cache().slot());
        assertThat(second.batch().stateCopies().restored()).hasSize(255).allMatch(copy -> copy.from() == saved.to());
        assertThat(all.get(255).generation(0).cachedPromptTokens()).isEqualTo(192);
    }

    /** Random prompts, and prompts that share less than a page, take exactly the steps that they take without a prefix cache. */
    @ParameterizedTest
    @ValueSource(ints = {0, 14})
    void promptsThatShareNoPageAreNotCut(int shared) {
        int[] beginning = tokens(shared);
        List<int[]> prompts = IntStream.range(0, 300)
                .mapToObj(i -> joined(beginning, tokens(2 + random.nextInt(100))))
                .toList();
        List<List<List<Integer>>> steps = new ArrayList<>();
        for (boolean prefixCache : new boolean[] {true, false}) {
            Scheduler scheduler = scheduler(new StepLimits(32, 256, 0, 300), true, 32, 8, prefixCache);
            prompts.forEach(prompt -> add(scheduler, prompt, new int[0]));
            List<List<Integer>> taken = new ArrayList<>();
            for (Step step = step(scheduler); !step.isEmpty(); step = step(scheduler)) {
                assertThat(step.batch().stateCopies().saved()).isEmpty();
                taken.add(Arrays.stream(step.batch().positions()).boxed().toList());
            }
            steps.add(taken);
        }
        assertThat(steps.get(0)).isEqualTo(steps.get(1));
    }

    /** Questions about documents follow the same instructions: instructions and documents are computed once, with a snapshot at the end of each. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatSomeShareBehindWhatAllShare(boolean hybrid) {
        Scheduler scheduler = scheduler(new StepLimits(16, 512, 0, 300), hybrid, 16, 8, true);
        int[] instructions = tokens(32);
        for (int document = 0; document < 20; document++) {
            int[] text = joined(instructions, tokens(64));
            for (int question = 0; question < 5; question++) {
                add(scheduler, text, joined(new int[] {question}, tokens(6)));
            }
        }
        assertThat(computed(scheduler)).isEqualTo(32 + 20 * 64 + 100 * 7 + 100 * 2); // outputs of 3 tokens
    }

    /** Prompts that arrive one by one can only be compared with earlier ones: the second is cut, the third starts from its snapshot. */
    @Test
    void promptsThatComeOneByOneShareFromTheThirdOn() {
        Scheduler scheduler = scheduler(new StepLimits(8, 512, 0, 300), true, 8, 8, true);
        int[] instructions = tokens(70);
        List<Integer> starts = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            add(scheduler, instructions, tokens(5));
            computed(scheduler);
            starts.add(all.get(i).generation(0).cachedPromptTokens());
        }
        assertThat(starts).containsExactly(0, 0, 64, 64, 64);
    }

    @Test
    void oneThatWaitsHoldsNoOtherUp() {
        Scheduler scheduler = scheduler(new StepLimits(8, 64, 0, 300), true, 8, 8, true);
        int[] beginning = tokens(100);
        Sequence first = add(scheduler, beginning, tokens(5));
        Sequence second = add(scheduler, beginning, tokens(5));
        Sequence other = add(scheduler, tokens(9), new int[0]);
        assertThat(parts(step(scheduler))).containsExactly(new Part(first, 0, 64));
        assertThat(parts(step(scheduler))).containsExactly(new Part(first, 64, 32), new Part(other, 0, 9));
        assertThat(parts(step(scheduler)))
                .containsExactly(new Part(other, 9, 1), new Part(first, 96, 9), new Part(second, 96, 9));
    }

    @Test
    void oneThatWaitsBeginsIfTheOtherIsCancelled() {
        Scheduler scheduler = scheduler(new StepLimits(8, 64, 0, 300), true, 8, 8, true);
        int[] beginning = tokens(100);
        Sequence first = add(scheduler, beginning, tokens(5));
        Sequence second = add(scheduler, beginning, tokens(5));
        Sequence third = add(scheduler, beginning, tokens(5));
        step(scheduler);
        first.cancel();
        scheduler.dropCancelled();
        assertThat(parts(step(scheduler))).containsExactly(new Part(second, 0, 64));
        assertThat(parts(step(scheduler))).containsExactly(new Part(second, 64, 32));
        assertThat(parts(step(scheduler))).containsExactly(new Part(second, 96, 9), new Part(third, 96, 9));
    }

    /** If sequences take all slots, none is cut and none waits for a snapshot. */
    @Test
    void withoutASlotThereIsNoSnapshot() {
        Scheduler scheduler = scheduler(new StepLimits(8, 512, 0, 300), true, 2, 0, true);
        add(scheduler, tokens(9), new int[0]);
        int[] beginning = tokens(100);
        Sequence first = add(scheduler, beginning, tokens(5));
        Sequence second = add(scheduler, beginning, tokens(5));
        assertThat(parts(step(scheduler))).contains(new Part(first, 0, 105));
        assertThat(scheduler.waiting()).isOne();
        computed(scheduler);
        assertThat(second.generation(0).cachedPromptTokens()).isZero();
    }

    /** Prompts that need all log-probabilities cannot start from a snapshot, so none is saved for them. */
    @Test
    void promptsThatAreScoredAreNotCut() {
        Scheduler scheduler = scheduler(new StepLimits(8, 512, 512, 300), true, 8, 8, true);
        int[] beginning = tokens(100);
        for (int i = 0; i < 3; i++) {
            SamplingParams scored = SamplingParams.greedy(3).withPromptLogprobs(true);
            all.add(new Sequence(
                    new GenerationRequest(i, joined(beginning, tokens(5)), scored, i, Set.of(), StopCheck.NEVER), 0));
            scheduler.add(all.get(i));
        }
        assertThat(parts(scheduler.next())).extracting(Part::count).containsExactly(105, 105, 105);
    }

    /**
     * Requests that score labels of a row share its text up to the last token. The others begin in the step that computes this text and continue
     * from copies of the first one's state.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void requestsOfARowComputeItsTextOnce(boolean hybrid) {
        Scheduler scheduler = scheduler(new StepLimits(256, 8192, 512, 300), hybrid, 256, 8, true);
        int[] instructions = tokens(160);
        IntStream.range(0, 50).forEach(row -> addRow(scheduler, joined(instructions, tokens(40)), 5));
        assertThat(parts(step(scheduler))).containsExactly(new Part(all.get(0), 0, 160));
        Step texts = step(scheduler);
        assertThat(parts(texts)).hasSize(50).allMatch(part -> part.start == 160 && part.count == 39);
        assertThat(texts.forks()).hasSize(200).allMatch(fork -> fork.copied().count() == 199 - 192);
        Step labels = step(scheduler);
        assertThat(parts(labels)).hasSize(250).allMatch(part -> part.start == 199 && part.count == 3);
        List<SlotCopy> copies = labels.batch().stateCopies().saved();
        assertThat(copies).extracting(SlotCopy::to).hasSize(200).doesNotHaveDuplicates();
        assertThat(copies).extracting(SlotCopy::from).containsOnly(slots(texts));
        assertThat(step(scheduler).isEmpty()).isTrue();
        assertThat(all.get(4).generation(0).cachedPromptTokens()).isEqualTo(199);
    }

    /** Requests that find no slot when the text ends start from a snapshot at its last page end; of 20 requests 8 begin at a time. */
    @Test
    void aRowOfMoreRequestsThanSlotsComputesItsPagesOnce() {
        Scheduler scheduler = scheduler(new StepLimits(8, 512, 64, 300), true, 8, 8, true);
        addRow(scheduler, tokens(200), 20);
        assertThat(computed(scheduler)).isEqualTo(192 + 3 * 7 + 20 * 3);
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, 1000).toArray();
    }

    private static int[] joined(int[] first, int[] second) {
        return IntStream.concat(IntStream.of(first), IntStream.of(second)).toArray();
    }

    private static Scheduler scheduler(
            StepLimits limits, boolean hybrid, int slots, int snapshots, boolean prefixCache) {
        CacheLayout layout = CacheLayout.of(
                        hybrid
                                ? List.of(new RecurrentState(64), new PagedKv(1, 1, 0, 1))
                                : List.of(new RecurrentState(64)),
                        PAGE_TOKENS,
                        10_000,
                        slots)
                .withSnapshots(snapshots);
        return new Scheduler(limits, new PageAllocator(layout, prefixCache));
    }

    private Sequence add(Scheduler scheduler, int[] beginning, int[] rest) {
        Sequence sequence = new Sequence(
                new GenerationRequest(
                        all.size(), joined(beginning, rest), SamplingParams.greedy(3), 1, Set.of(), StopCheck.NEVER),
                0);
        all.add(sequence);
        scheduler.add(sequence);
        return sequence;
    }

    /** Adds one request for each of {@code count} labels of three tokens with different first tokens. */
    private void addRow(Scheduler scheduler, int[] text, int count) {
        for (int label = 0; label < count; label++) {
            int[] tokens = joined(new int[] {label}, tokens(2));
            List<Score> scores = IntStream.range(0, tokens.length)
                    .mapToObj(i -> new Score(text.length + i, tokens[i]))
                    .toList();
            all.add(new Sequence(
                    new GenerationRequest(
                            all.size(),
                            joined(text, tokens),
                            SamplingParams.greedy(1),
                            1,
                            Set.of(),
                            StopCheck.NEVER,
                            Optional.empty(),
                            scores),
                    0));
            scheduler.add(all.get(all.size() - 1));
        }
    }

    private static Integer[] slots(Step step) {
        return Arrays.stream(step.batch().slots()).boxed().toArray(Integer[]::new);
    }

    private static List<Part> parts(Step step) {
        return step.slices().stream()
                .map(slice -> new Part(slice.sequence(), slice.start(), slice.count()))
                .toList();
    }

    private static Step step(Scheduler scheduler) {
        Step step = scheduler.next();
        scheduler.commit(
                step,
                step.batch().samples().stream()
                        .map(sample -> new SampledToken(1, Optional.of(new TokenLogprobs(1, 0, List.of()))))
                        .toList(),
                1);
        return step;
    }

    /** Runs all steps until nothing is left to do and returns the number of tokens they compute. */
    private static int computed(Scheduler scheduler) {
        int computed = 0;
        for (Step step = step(scheduler); !step.isEmpty(); step = step(scheduler)) {
            computed += step.batch().size();
        }
        return computed;
    }
}
