package nighttrain.executor.device.cuda.collective;

import nighttrain.executor.device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.cuda.driver.CudaGraphRecorder;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.Streams;

/**
 * From how many bytes on a sum in two shots is the faster. It differs with GPUs, links and ranks, so it is measured: by all ranks
 * together, on the buffers of the first sum that is large enough to ask, in graphs. Rank 0's figures count, so that all ranks
 * choose alike.
 */
public final class TwoShotThreshold {
    private static final long SMALLEST = 96 << 10;
    private static final long LARGEST = 16 << 20;
    private static final int SUMS = 10;
    private static final int REPLAYS = 6;

    private final Streams streams;
    private final PeerBuffers buffers;
    private long candidate = SMALLEST;
    private boolean found;

    TwoShotThreshold(Streams streams, PeerBuffers buffers) {
        this.streams = streams;
        this.buffers = buffers;
    }

    /** A sum of the first bytes of the buffers at hand by the kernel of that name. */
    @FunctionalInterface
    interface Sums {
        Streams.Launch by(String kernel, long bytes);
    }

    /**
     * @param bytes of the sum to be made
     * @param capacity how large a sum the buffers allow to measure
     */
    boolean isReached(long bytes, long capacity, Sums sums) {
        while (!found && bytes >= SMALLEST && candidate <= Math.min(capacity, LARGEST)) {
            found = twoShotWins(sums);
            candidate = found ? candidate : candidate * 3 / 2;
        }
        return found && bytes >= candidate;
    }

    private boolean twoShotWins(Sums sums) {
        Streams.Launch oneShot = sums.by("one_shot", candidate);
        Streams.Launch twoShot = sums.by("two_shot", candidate);
        streams.drain();
        boolean wins = seconds(twoShot) < seconds(oneShot);
        return buffers.exchange("two shots are faster", wins ? 1 : 0)[0] == 1;
    }

    private double seconds(Streams.Launch sum) {
        try (CudaGraphRecorder recorder = new CudaGraphRecorder(streams)) {
            CapturedGraph graph = recorder.record(() -> {
                for (int i = 0; i < SUMS; i++) {
                    sum.on(streams.main(), false);
                }
            });
            return GpuTimer.leastSeconds(streams.main(), REPLAYS, graph::replay);
        }
    }
}
