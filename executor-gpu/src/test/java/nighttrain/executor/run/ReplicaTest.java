package nighttrain.executor.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Test;

/** Every listener receives its answer or the failure. */
class ReplicaTest {
    private static final int SEQUENCES = 4;
    private static final StepLimits LIMITS = new StepLimits(SEQUENCES, 64, 0, Shapes.POSITIONS);
    private static final CacheLayout LAYOUT = CacheLayout.ofPages(TestBackend.PAGE_TOKENS, 64);

    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();

    private Replica replica() {
        PageAllocator pages = new PageAllocator(LAYOUT, true);
        RankGroup ranks = RankGroup.load(
                "test", RandomCheckpoint.of(Shapes.DENSE.model()), List.copyOf(CpuDevice.ranks(1, 1)), LIMITS, LAYOUT);
        return new Replica("test", new Scheduler(LIMITS, pages, 1), pages, ranks, SEQUENCES);
    }

    private static Sequence sequence(int id) {
        return new Sequence(
                new GenerationRequest(
                        id,
                        new int[] {1, 2 + id},
                        SamplingParams.greedy(3).withIgnoreEos(true),
                        id,
                        Set.of(),
                        StopCheck.NEVER),
                0);
    }

    /** Returns a listener that records its calls for sequence {@code id}; it throws on the answer of {@code broken} and rethrows every failure. */
    private Replica.Listener listener(int id, int broken) {
        return new Replica.Listener() {
            @Override
            public void finished(Generation generation) {
                heard.add("finished " + id);
                if (id == broken) {
                    throw new NoClassDefFoundError("of sequence " + id);
                }
            }

            @Override
            public void failed(RuntimeException failure) {
                heard.add("failed " + id);
                throw failure;
            }
        };
    }

    @Test
    void anErrorInOneListenerFailsTheReplicaAndIsToldToAll() throws InterruptedException {
        int broken = 1;
        List<String> all = new ArrayList<>();
        try (Replica replica = replica()) {
            for (int id = 0; id < SEQUENCES; id++) {
                replica.offer(sequence(id), listener(id, broken));
            }
            for (int i = 0; i < SEQUENCES + 1; i++) {
                all.add(heard.poll(10, TimeUnit.SECONDS));
            }
        }
        assertThat(all).contains("finished " + broken, "failed " + broken);
        assertThat(all.stream().map(what -> what.replaceAll("\\D+", "")))
                .as("each is told once, the broken one twice: %s", all)
                .containsExactlyInAnyOrder("0", "1", "1", "2", "3");
    }

    @Test
    void aReplicaThatFailedTakesNothing() {
        Replica replica = replica();
        replica.close();
        assertThatThrownBy(() -> replica.offer(sequence(0), listener(0, -1))).hasMessage("the engine was closed");
    }
}
