package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final int EOS = 0;
    private static final int SHORTER_THAN_TRUE = 1;

    @Test
    void decodesComeBeforePiecesOfPrompts() {
        Scheduler scheduler = scheduler(new StepLimits(8, 10, 64, 100), 50, true);
        Sequence short1 = add(scheduler, 3, 5);
        Sequence short2 = add(scheduler, 3, 5);
        step(scheduler);
        Sequence prompt = add(scheduler, 30, 5);
        Step mixed = step(scheduler);
        assertThat(mixed.slices())
                .containsExactly(slice(short1, 3, 1, true), slice(short2, 3, 1, true), slice(prompt, 0, 8, false));
        assertThat(step(scheduler).slices()).contains(slice(prompt, 8, 8, false));
    }

    @Test
    void neverExceedsTheBudgetAndFillsIt() {
        Scheduler scheduler = scheduler(new StepLimits(4, 16, 64, 100), 200, false);
        for (int i = 0; i < 10; i++) {
            add(scheduler, 10, 10);
        }
        Step first = step(scheduler);
        assertThat(first.slices()).extracting(Step.Slice::count).containsExactly(10, 6);
        for (int i = 0; i < 5; i++) {
            Step next = step(scheduler);
            assertThat(next.slices().size()).isLessThanOrEqualTo(4);
            assertThat(next.slices().stream().mapToInt(Step.Slice::count).sum()).isLessThanOrEqualTo(16);
        }
        assertThat(scheduler.running()).isEqualTo(4);
        assertThat(scheduler.waiting()).isEqualTo(6);
    }

    @Test
    void scoresTakeTheRowsOfLogitsThatNobodySamplesFrom() {
        StepLimits limits = new StepLimits(8, 100, 2, 100);
        Scheduler scheduler = scheduler(limits, 100, false);
        for (int i = 0; i < 6; i++) {
            addScored(scheduler, 3);
        }
        assertThat(scheduler.next().batch().samples()).as("all of the rows").hasSize(limits.maxSamples());

        Scheduler shared = scheduler(limits, 100, false);
        for (int i = 0; i < 5; i++) {
            add(shared, 3, 5);
        }
        step(shared);
        addScored(shared, 3);
        addScored(shared, 3);
        Sequence waiting = add(shared, 3, 5);
        Step mixed = shared.next();
        assertThat(mixed.batch().samples()).hasSize(limits.maxSamples());
        assertThat(mixed.slices()).extracting(Step.Slice::sequence).doesNotContain(waiting);
    }

    private static void addScored(Scheduler scheduler, int scores) {
        int[] prompt = {1, 2, 3, 4};
        scheduler.add(new Sequence(
                new GenerationRequest(
                        0,
                        prompt,
                        SamplingParams.greedy(1),
                        0,
                        Set.of(),
                        StopCheck.NEVER,
                        Optional.empty(),
                        IntStream.range(0, scores)
                                .mapToObj(token -> new Score(prompt.length, token))
                                .toList()),
                0));
    }

    @Test
    void promptsOfOneStepShareWhatTheyBeginWith() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 50), true);
        Scheduler scheduler = new Scheduler(new StepLimits(4, 40, 64, 100), pages);
        int[] beginning = new Random(1).ints(11, 1, 50).toArray();
        List<Sequence> alike = IntStream.range(0, 3)
                .mapToObj(i -> add(
                        scheduler,
                        5,
                        IntStream.concat(Arrays.stream(beginning), IntStream.of(i, i, i, i))
                                .toArray()))
                .toList();
        Step step = scheduler.next();
        assertThat(step.slices())
                .containsExactly(
                        slice(alike.get(0), 0, 15, true),
                        slice(alike.get(1), 11, 4, new Step.Copied(0, 3)),
                        slice(alike.get(2), 11, 4, new Step.Copied(0, 3)));
        assertThat(pages.used()).as("two shared pages, two of each").isEqualTo(8);
        TokenMachine machine = new TokenMachine(CacheLayout.ofPages(4, 50));
        List<SampledToken> sampled = machine.run(step.batch());
        for (int i = 0; i < alike.size(); i++) {
            int[] prompt = alike.get(i).request().promptTokens();
            assertThat(sampled.get(i).token()).isEqualTo(TokenMachine.next(prompt, prompt.length, 1));
        }
    }

    /** The prompt does not fit its first step; its second step ends it and shares it. */
    @Test
    void aPromptThatAStepCutsIsSharedInTheStepThatEndsIt() {
        CacheLayout layout = CacheLayout.ofPages(4, 50);
        Scheduler scheduler = new Scheduler(new StepLimits(4, 20, 64, 100), new PageAllocator(layout, true));
        int[] beginning = new Random(1).ints(30, 1, 50).toArray();
        List<Sequence> alike = IntStream.range(0, 2)
                .mapToObj(i -> add(
                        scheduler,
                        5,
                        IntStream.concat(Arrays.stream(beginning), IntStream.of(i, i, i, i))
                                .toArray()))
                .toList();
        TokenMachine machine = new TokenMachine(layout);
        Step first = scheduler.next();
        assertThat(first.slices()).containsExactly(slice(alike.get(0), 0, 20, false));
        scheduler.commit(first, machine.run(first.batch()), 0);
        Step second = scheduler.next();
        assertThat(second.slices())
                .containsExactly(slice(alike.get(0), 20, 14, true), slice(alike.get(1), 30, 4, new Step.Copied(0, 2)));
        List<SampledToken> sampled = machine.run(second.batch());
        for (int i = 0; i < alike.size(); i++) {
            int[] prompt = alike.get(i).request().promptTokens();
            assertThat(sampled.get(i).token()).isEqualTo(TokenMachine.next(prompt, prompt.length, 1));
        }
    }

    @Test
    void theLatestGivesItsPagesBackAndLosesNoToken() {
        Scheduler scheduler = new Scheduler(
                new StepLimits(2, 64, 64, 16), new PageAllocator(CacheLayout.ofPages(4, 6), false), SHORTER_THAN_TRUE);
        Sequence first = add(scheduler, 6, 10);
        Sequence second = add(scheduler, 6, 10);
        Map<Sequence, Integer> finished = runAll(scheduler);
        assertThat(scheduler.preemptions()).isPositive();
        assertThat(finished).containsOnlyKeys(first, second);
        assertThat(first.length()).isEqualTo(16);
        assertThat(second.length()).isEqualTo(16);
        assertThat(finished.get(first)).as("who came first ends first").isLessThan(finished.get(second));
    }

    /** The second loses its pages inside its prompt. It finds its first page in the cache when it begins again. */
    @Test
    void ownTokensDoNotCountAsCached() {
        StepLimits limits = new StepLimits(2, 3, 64, 20);
        Scheduler scheduler =
                new Scheduler(limits, new PageAllocator(CacheLayout.ofPages(4, 7), true), SHORTER_THAN_TRUE);
        add(scheduler, 6, 14);
        Sequence second = add(scheduler, 16, 1);
        runAll(scheduler);
        assertThat(scheduler.preemptions()).isPositive();
        assertThat(second.generation(0).cachedPromptTokens()).isZero();
    }

    /** 200 sequences of 20 to 80 tokens run on pages for about ten; outputs end at their limit. */
    @Test
    void sequencesOfExpectedLengthsAreNeverPreempted() {
        Random random = new Random(3);
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 130), false);
        Scheduler scheduler = new Scheduler(new StepLimits(64, 256, 64, 100), pages);
        for (int i = 0; i < 200; i++) {
            add(scheduler, 10 + random.nextInt(30), 10 + random.nextInt(40));
        }
        Run run = runToTheEnd(scheduler, pages, step -> tokensFor(step, random));
        assertThat(run.finished).isEqualTo(200);
        assertThat(scheduler.preemptions()).isZero();
        assertThat(run.meanUsed).as("pages in use, of 130").isGreaterThan(105);
    }

    /** Equal rows that advance together fill the cache except for the margin. */
    @Test
    void equalSequencesFillTheCache() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 104), false);
        Scheduler scheduler = new Scheduler(new StepLimits(64, 1024, 64, 100), pages);
        for (int i = 0; i < 40; i++) {
            add(scheduler, 21, 20); // the last token is not stored: 40 tokens, 10 pages
        }
        step(scheduler);
        assertThat(scheduler.running()).isEqualTo(10);
        Run run = runToTheEnd(scheduler, pages, step -> tokensFor(step, new Random(1)));
        assertThat(run.finished).isEqualTo(40);
        assertThat(scheduler.preemptions()).isZero();
    }

    /** Outputs end long before their limit. The scheduler learns this from finished outputs and still fills the cache. */
    @Test
    void lengthsAreLearnedFromFinishedOutputs() {
        Random random = new Random(4);
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 200), false);
        Scheduler scheduler = new Scheduler(new StepLimits(64, 256, 64, 800), pages);
        for (int i = 0; i < 400; i++) {
            add(scheduler, 10, 700); // ends after 20 tokens on average
        }
        Run run = runToTheEnd(
                scheduler,
                pages,
                step -> step.slices().stream()
                        .filter(Step.Slice::samples)
                        .map(slice -> token(random.nextInt(20) == 0 ? EOS : 1))
                        .toList());
        assertThat(run.finished).isEqualTo(400);
        assertThat(run.meanUsed).as("pages in use, of 200").isGreaterThan(110);
        assertThat(scheduler.preemptions()).as("few beside 400 sequences").isLessThan(20);
    }

    /** A prefix that prompts share is in the cache once and counts once. */
    @Test
    void sharedPrefixesLeaveRoomForMore() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 84), true);
        Scheduler scheduler = new Scheduler(new StepLimits(64, 1024, 64, 300), pages);
        int[] beginning = new Random(1).ints(200, 1, 50).toArray();
        for (int i = 0; i < 20; i++) {
            int own = i + 1;
            add(
                    scheduler,
                    10,
                    IntStream.concat(Arrays.stream(beginning), IntStream.of(own, own))
                            .toArray());
        }
        step(scheduler);
        assertThat(scheduler.running()).as("50 pages together and 3 each").isEqualTo(10);
        Run run = runToTheEnd(scheduler, pages, step -> tokensFor(step, new Random(1)));
        assertThat(run.finished).isEqualTo(20);
        assertThat(scheduler.preemptions()).isZero();
    }

    /**
     * The result of a run.
     *
     * @param finished number of finished sequences
     * @param meanUsed pages in use, over the middle half of its steps
     */
    private record Run(int finished, double meanUsed) {}

    private static Run runToTheEnd(
            Scheduler scheduler, PageAllocator pages, Function<Step, List<SampledToken>> machine) {
        int finished = 0;
        List<Integer> used = new ArrayList<>();
        while (scheduler.running() + scheduler.waiting() > 0) {
            Step step = scheduler.next();
            assertThat(step.isEmpty()).isFalse();
            used.add(pages.used());
            finished += scheduler.commit(step, machine.apply(step), 1).size();
        }
        return new Run(
                finished,
                used.subList(used.size() / 4, used.size() * 3 / 4).stream()
                        .mapToInt(i -> i)
                        .average()
                        .orElse(0));
    }

    @Test
    void stopTokenEndsAndStaysOut() {
        Scheduler scheduler = scheduler(new StepLimits(2, 64, 64, 100), 50, true);
        Sequence sequence = add(scheduler, 2, 10);
        scheduler.commit(scheduler.next(), List.of(token(7)), 1);
        List<Sequence> finished = scheduler.commit(scheduler.next(), List.of(token(EOS)), 2);
        assertThat(finished).containsExactly(sequence);
        assertThat(sequence.generation(2).tokens()).containsExactly(7);
        assertThat(sequence.generation(2).finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(scheduler.next().isEmpty()).isTrue();
    }

    @Test
    void cancelledSequencesGiveEverythingBack() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 50), true);
        Scheduler scheduler = new Scheduler(new StepLimits(1, 64, 64, 100), pages);
        Sequence running = add(scheduler, 9, 10);
        Sequence waiting = add(scheduler, 9, 10);
        step(scheduler);
        running.cancel();
        waiting.cancel();
        assertThat(scheduler.dropCancelled()).containsExactly(running, waiting);
        assertThat(scheduler.next().isEmpty()).isTrue();
        assertThat(pages.used()).isZero();
    }

    /** Sequences arrive and are cancelled at random, with random lengths, on few pages: every slice continues its sequence, and all end. */
    @Test
    void survivesAThousandRandomSequences() {
        Random random = new Random(5);
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(3, 20), true);
        Scheduler scheduler = new Scheduler(new StepLimits(6, 9, 64, 50), pages, SHORTER_THAN_TRUE);
        List<Sequence> added = new ArrayList<>();
        List<Sequence> done = new ArrayList<>();
        int cancelled = 0;
        while (done.size() + cancelled < 1_000) {
            if (added.size() < 1_000 && random.nextInt(3) == 0) {
                added.add(add(scheduler, 1 + random.nextInt(30), 1 + random.nextInt(30)));
            }
            if (!added.isEmpty() && random.nextInt(50) == 0) {
                added.get(random.nextInt(added.size())).cancel();
            }
            cancelled += scheduler.dropCancelled().size();
            Step step = scheduler.next();
            Map<Sequence, Integer> seen = new HashMap<>();
            for (Step.Slice slice : step.slices()) {
                assertThat(seen.put(slice.sequence(), 1))
                        .as("one slice a sequence")
                        .isNull();
                assertThat(slice.start() + slice.count())
                        .as("planned is as good as computed")
                        .isEqualTo(slice.sequence().computed());
                assertThat(slice.samples())
                        .isEqualTo(slice.start() + slice.count()
                                == slice.sequence().length());
                assertThat(slice.sequence().cache().table(0).size() * 3)
                        .isGreaterThanOrEqualTo(slice.start() + slice.count());
            }
            done.addAll(scheduler.commit(step, tokensFor(step, random), 1));
            assertThat(pages.isConsistent()).isTrue();
        }
        assertThat(scheduler.preemptions()).isPositive();
        assertThat(pages.used()).isZero();
    }

    @Test
    void whatAStepComputesOfAPageIsCopied() {
        Scheduler scheduler = scheduler(new StepLimits(8, 64, 0, 64), 40, true);
        int[] prompt = new Random(3).ints(10, 1, 50).toArray();
        add(scheduler, 4, prompt);
        Sequence longer = add(scheduler, 4, append(prompt, 51, 52));
        Sequence same = add(scheduler, 4, prompt);
        Sequence other = add(scheduler, 4, new int[] {60, 61, 62});
        Step step = scheduler.next();
        assertThat(step.slices()).hasSize(4);
        assertThat(step.slices().get(1).start()).isEqualTo(10);
        assertThat(step.slices().get(1).copied()).isEqualTo(new Step.Copied(0, 2));
        assertThat(step.slices().get(2).start())
                .as("one token is left to compute")
                .isEqualTo(9);
        assertThat(step.slices().get(2).copied()).isEqualTo(new Step.Copied(0, 1));
        assertThat(step.slices().get(3).copied()).isEqualTo(Step.Copied.NONE);
        assertThat(step.batch().copies().rows()).containsExactly(8, 9, 8);
        int[][][] pageTables = step.batch().pageTables();
        assertThat(step.batch().copies().pageTables())
                .isDeepEqualTo(new int[][][] {pageTables[1], pageTables[1], pageTables[2]});
        assertThat(longer.cache().table(0).page(1))
                .isEqualTo(same.cache().table(0).page(1));
        assertThat(longer.cache().table(0).page(2))
                .isNotEqualTo(same.cache().table(0).page(2));
        assertThat(other.computed()).isEqualTo(3);
        scheduler.commit(step, tokensFor(step, new Random(1)), 1);
        runAll(scheduler);
    }

    @Test
    void nothingIsCopiedWithoutAPrefixCache() {
        Scheduler scheduler = scheduler(new StepLimits(8, 64, 0, 64), 40, false);
        int[] prompt = new Random(3).ints(10, 1, 50).toArray();
        add(scheduler, 4, prompt);
        add(scheduler, 4, prompt);
        assertThat(scheduler.next().batch().copies()).isEqualTo(Batch.Copies.NONE);
    }

    private static int[] append(int[] prompt, int... more) {
        return IntStream.concat(IntStream.of(prompt), IntStream.of(more)).toArray();
    }

    private static Scheduler scheduler(StepLimits limits, int pages, boolean prefixCache) {
        return new Scheduler(limits, new PageAllocator(CacheLayout.ofPages(4, pages), prefixCache));
    }

    private static Sequence add(Scheduler scheduler, int promptTokens, int maxTokens) {
        return add(
                scheduler,
                maxTokens,
                new Random(promptTokens).ints(promptTokens, 1, 50).toArray());
    }

    private static Sequence add(Scheduler scheduler, int maxTokens, int[] prompt) {
        Sequence sequence = new Sequence(
                new GenerationRequest(1, prompt, SamplingParams.greedy(maxTokens), 1, Set.of(EOS), StopCheck.NEVER), 0);
        scheduler.add(sequence);
        return sequence;
    }

    /** Returns a slice of a sequence without scores. */
    private static Step.Slice slice(Sequence sequence, int start, int count, boolean samples) {
        return new Step.Slice(sequence, start, count, samples, 0, 0, sequence.life(), Step.Copied.NONE);
    }

    /** Returns a slice of a sequence that samples. */
    private static Step.Slice slice(Sequence sequence, int start, int count, Step.Copied copied) {
        return new Step.Slice(sequence, start, count, true, 0, 0, sequence.life(), copied);
    }

    private static Step step(Scheduler scheduler) {
        Step step = scheduler.next();
        scheduler.commit(step, tokensFor(step, new Random(1)), 1);
        return step;
    }

    private static Map<Sequence, Integer> runAll(Scheduler scheduler) {
        Map<Sequence, Integer> finished = new HashMap<>();
        for (int i = 0; i < 200; i++) {
            Step step = scheduler.next();
            for (Sequence sequence : scheduler.commit(step, tokensFor(step, new Random(1)), i)) {
                finished.put(sequence, i);
            }
        }
        return finished;
    }

    private static List<SampledToken> tokensFor(Step step, Random random) {
        return step.slices().stream()
                .filter(Step.Slice::samples)
                .map(slice -> token(1 + random.nextInt(49)))
                .toList();
    }

    private static SampledToken token(int token) {
        return new SampledToken(token, Optional.empty());
    }
}
