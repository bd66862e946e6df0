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
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.StopCheck;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final int EOS = 0;

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
                        slice(alike.get(1), 8, 7, true),
                        slice(alike.get(2), 8, 7, true));
        assertThat(pages.used()).as("two shared pages, two of each").isEqualTo(8);
        TokenMachine machine = new TokenMachine(CacheLayout.ofPages(4, 50));
        List<SampledToken> sampled = machine.run(step.batch());
        for (int i = 0; i < alike.size(); i++) {
            int[] prompt = alike.get(i).request().promptTokens();
            assertThat(sampled.get(i).token()).isEqualTo(TokenMachine.next(prompt, prompt.length, 1));
        }
    }

    @Test
    void theLatestGivesItsPagesBackAndLosesNoToken() {
        Scheduler scheduler = scheduler(new StepLimits(2, 64, 64, 16), 6, false);
        Sequence first = add(scheduler, 6, 10);
        Sequence second = add(scheduler, 6, 10);
        Map<Sequence, Integer> finished = runAll(scheduler);
        assertThat(scheduler.preemptions()).isPositive();
        assertThat(finished).containsOnlyKeys(first, second);
        assertThat(first.length()).isEqualTo(16);
        assertThat(second.length()).isEqualTo(16);
        assertThat(finished.get(first)).as("who came first ends first").isLessThan(finished.get(second));
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

    /** Random arrivals, lengths and cancellations on few pages: every slice continues where its sequence is, and all end. */
    @Test
    void survivesAThousandRandomSequences() {
        Random random = new Random(5);
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(3, 20), true);
        Scheduler scheduler = new Scheduler(new StepLimits(6, 9, 64, 50), pages);
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

    /** Of a sequence without scores. */
    private static Step.Slice slice(Sequence sequence, int start, int count, boolean samples) {
        return new Step.Slice(sequence, start, count, samples, 0, 0, sequence.life());
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
