package nighttrain.executor.perf;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.schedule.Step;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;

/**
 * A simulation of one replica without a device: the engine's own scheduler and pages decide what is in every step, and a {@link StepTime} estimates
 * how long the step takes.
 *
 * @param seconds time from the first step to the last token
 * @param steps forward passes
 * @param promptTokens prompt tokens of all requests
 * @param cachedPromptTokens those of {@code promptTokens} that are found in the prefix cache
 * @param outputTokens output tokens of all requests
 * @param preemptions times that a running sequence lost its pages and had to be computed again
 * @param communicationS seconds that ranks wait for all-reduces
 */
public record Forecast(
        double seconds,
        long steps,
        long promptTokens,
        long cachedPromptTokens,
        long outputTokens,
        long preemptions,
        double communicationS) {
    /**
     * A prompt and the length of its answer.
     *
     * @param prompt token ids, at least one; only their equality to one another matters
     * @param outputTokens tokens of the answer, at least one
     */
    public record Request(int[] prompt, int outputTokens) {}

    /** Simulates a scheduler with these bounds and pages that answers {@code requests}, all of them present from the start, in this order. */
    public static Forecast of(StepLimits limits, PageAllocator pages, StepTime time, List<Request> requests) {
        Scheduler scheduler = new Scheduler(limits, pages);
        for (int i = 0; i < requests.size(); i++) {
            scheduler.add(sequence(i, requests.get(i)));
        }
        Tally tally = new Tally();
        for (Step step = scheduler.next(); !step.isEmpty(); step = scheduler.next()) {
            tally.add(step, time);
            tally.finish(scheduler.commit(step, sampled(step), 0));
        }
        return tally.forecast(scheduler.preemptions());
    }

    private static Sequence sequence(int id, Request request) {
        SamplingParams exact = SamplingParams.greedy(request.outputTokens()).withIgnoreEos(true);
        return new Sequence(new GenerationRequest(id, request.prompt(), exact, id, Set.of(), StopCheck.NEVER), 0);
    }

    private static List<SampledToken> sampled(Step step) {
        return step.slices().stream()
                .filter(Step.Slice::samples)
                .map(slice -> new SampledToken(0, Optional.empty()))
                .toList();
    }

    private static final class Tally {
        private double seconds;
        private double communicationS;
        private long steps;
        private long promptTokens;
        private long cachedPromptTokens;
        private long outputTokens;

        void add(Step step, StepTime time) {
            long tokens = 0;
            long samples = 0;
            double keys = 0;
            double pairs = 0;
            for (Step.Slice slice : step.slices()) {
                tokens += slice.count();
                samples += slice.samples() ? 1 : 0;
                keys += slice.start() + slice.count();
                pairs += slice.count() * (slice.start() + (slice.count() + 1) / 2.0);
            }
            Roofline.Step whole = new Roofline.Step(tokens, step.slices().size(), samples, keys, pairs);
            seconds += time.seconds(whole);
            communicationS += time.communicationSeconds(whole);
            steps++;
        }

        void finish(List<Sequence> finished) {
            finished.stream().map(sequence -> sequence.generation(0)).forEach(answer -> {
                promptTokens += answer.promptTokens();
                cachedPromptTokens += answer.cachedPromptTokens();
                outputTokens += answer.tokens().length;
            });
        }

        Forecast forecast(long preemptions) {
            return new Forecast(
                    seconds, steps, promptTokens, cachedPromptTokens, outputTokens, preemptions, communicationS);
        }
    }
}
