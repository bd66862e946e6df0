package nighttrain.executor.benchmark;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import nighttrain.executor.kv.KvLayout;
import nighttrain.executor.kv.PageAllocator;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.StopCheck;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.schedule.Step;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The scheduler alone, no device: microseconds to plan, and to commit, a step of 1,024 decoding sequences. */
@Tag("benchmark")
class SchedulerBenchmark {
    private static final int SEQUENCES = 1_024;
    private static final int STEPS = 4_000;

    @Test
    void steps() {
        Scheduler scheduler = new Scheduler(
                new StepLimits(SEQUENCES, 65_536, 64, 8_192), new PageAllocator(new KvLayout(16, 1 << 19), true));
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

    private static String percentiles(double[] micros) {
        double[] sorted = Arrays.copyOfRange(micros, STEPS / 2, STEPS);
        Arrays.sort(sorted);
        return String.format("%.0f / %.0f", sorted[sorted.length / 2], sorted[sorted.length * 99 / 100]);
    }
}
