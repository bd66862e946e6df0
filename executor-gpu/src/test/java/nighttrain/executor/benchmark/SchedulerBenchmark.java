package nighttrain.executor.benchmark;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.schedule.Step;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Measures the scheduler alone, without a device: microseconds to plan and to commit a step of 1,024 decoding sequences. */
@Tag("benchmark")
class SchedulerBenchmark {
    private static final int SEQUENCES = 1_024;
    private static final int STEPS = 4_000;

    @Test
    void steps() {
        Scheduler scheduler = new Scheduler(
                new StepLimits(SEQUENCES, 65_536, 64, 8_192),
                new PageAllocator(CacheLayout.ofPages(16, 1 << 19), true));
        Random random = new Random(1);
        for (int i = 0; i < SEQUENCES; i++) {
            scheduler.add(new Sequence(
                    new GenerationRequest(
                            i,
                            random.ints(64, 0, 30_000).toArray(),
                            SamplingParams.greedy(8_000),
                            i,
                            Set.of(),
                            StopCheck.NEVER),
                    0));
        }
        List<SampledToken> sampled = Collections.nCopies(SEQUENCES, new SampledToken(1, Optional.empty()));
        scheduler.commit(scheduler.next(), sampled, 1);
        double[] plan = new double[STEPS];
        double[] commit = new double[STEPS];
        for (int i = 0; i < STEPS; i++) {
            long start = System.nanoTime();
            Step step = scheduler.next();
            long planned = System.nanoTime();
            scheduler.commit(step, sampled, 1);
            plan[i] = (planned - start) / 1e3;
            commit[i] = (System.nanoTime() - planned) / 1e3;
        }
        System.out.printf(
                "scheduler, %d sequences: plan and lay out %s, commit %s us (p50 / p99)%n",
                scheduler.running(), percentiles(plan), percentiles(commit));
    }

    /**
     * Measures the cost of one row in 256 with penalties when steps are planned ahead: sequences of 128 to 384 tokens on a simulated device whose
     * steps take 8 ms, with a clock that adds the host's measured time.
     */
    @Test
    void oneRowWithPenalties() {
        tokensPerSecond(0);
        double without = tokensPerSecond(0);
        double with = tokensPerSecond(1);
        double all = tokensPerSecond(256);
        System.out.printf(
                "256 rows, 8 ms a step: %.0f tokens/s; 1 row in 256 with penalties %.0f (%.1f %%); all %.0f (%.1f %%)%n",
                without, with, 100 * with / without, all, 100 * all / without);
    }

    private static double tokensPerSecond(int withPenaltiesIn256) {
        Scheduler scheduler = new Scheduler(
                new StepLimits(256, 8_192, 0, 8_192), new PageAllocator(CacheLayout.ofPages(16, 1 << 16), true));
        Random random = new Random(1);
        for (int i = 0; i < 4_096; i++) {
            int length = 128 + random.nextInt(257);
            double penalty = i % 256 < withPenaltiesIn256 ? 1.1 : 1;
            SamplingParams sampling = SamplingParams.greedy(length)
                    .with(new Penalties(penalty, 0, 0))
                    .withIgnoreEos(true);
            int[] prompt = random.ints(64, 0, 30_000).toArray();
            scheduler.add(new Sequence(new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER), 0));
        }
        long host = 0;
        long deviceFree = 0;
        Deque<UnderWay> underWay = new ArrayDeque<>();
        while (scheduler.running() + scheduler.waiting() > 0) {
            long start = System.nanoTime();
            Step step = scheduler.next();
            host += System.nanoTime() - start;
            if (!step.isEmpty()) {
                deviceFree = Math.max(host, deviceFree) + 8_000_000;
                underWay.add(new UnderWay(step, deviceFree));
            }
            if (underWay.size() > (step.isEmpty() ? 0 : 1)) {
                UnderWay oldest = underWay.remove();
                host = Math.max(host, oldest.endNanos);
                List<SampledToken> sampled = Collections.nCopies(
                        oldest.step.batch().samples().size(), new SampledToken(1, Optional.empty()));
                start = System.nanoTime();
                scheduler.commit(oldest.step, sampled, 1);
                host += System.nanoTime() - start;
            }
        }
        return scheduler.sampledTokens() * 1e9 / deviceFree;
    }

    private record UnderWay(Step step, long endNanos) {}

    private static String percentiles(double[] micros) {
        double[] sorted = Arrays.copyOfRange(micros, STEPS / 2, STEPS);
        Arrays.sort(sorted);
        return String.format("%.0f / %.0f", sorted[sorted.length / 2], sorted[sorted.length * 99 / 100]);
    }
}
