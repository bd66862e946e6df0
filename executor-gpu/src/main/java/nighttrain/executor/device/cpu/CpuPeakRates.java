package nighttrain.executor.device.cpu;

import java.util.Arrays;
import java.util.Optional;
import nighttrain.executor.device.Device.PeakRates;

/**
 * Measures the peak rates of one rank's threads: of a copy in memory and of an fp32 matmul, the best of the runs that fit into half a second. In a
 * process that has just started, code is slow and the figures are low; calibration corrects them.
 */
final class CpuPeakRates {
    private static final int COPY_FLOATS = 1 << 24;
    private static final int SIDE = 128;
    private static final long ENOUGH_NANOS = 500_000_000;

    private final ThreadTeam team;

    private CpuPeakRates(ThreadTeam team) {
        this.team = team;
    }

    static PeakRates measure(int threads) {
        try (ThreadTeam team = new ThreadTeam("nighttrain-peak-rates", threads)) {
            CpuPeakRates cpu = new CpuPeakRates(team);
            return new PeakRates(cpu.copy(), cpu.product());
        }
    }

    private double copy() {
        float[] from = new float[COPY_FLOATS];
        float[] to = new float[COPY_FLOATS];
        Arrays.fill(from, 1);
        double seconds = leastSeconds(() -> team.runRanges(
                COPY_FLOATS, 1, 1, (start, end) -> System.arraycopy(from, start, to, start, end - start)));
        return 2.0 * COPY_FLOATS * Float.BYTES / seconds;
    }

    private double product() {
        CpuTensor x = CpuTensor.zeros(1, SIDE, SIDE);
        CpuTensor out = CpuTensor.zeros(1, SIDE, SIDE);
        CpuMatrix weights = CpuMatrix.of(1, SIDE, SIDE, (track, row, into) -> Arrays.fill(into, row), Optional.empty());
        CpuMatmul product = new CpuMatmul(team);
        return 2.0 * SIDE * SIDE * SIDE / leastSeconds(() -> product.run(out, x, weights));
    }

    private static double leastSeconds(Runnable work) {
        long least = Long.MAX_VALUE;
        long began = System.nanoTime();
        while (least == Long.MAX_VALUE || System.nanoTime() - began < ENOUGH_NANOS) {
            long start = System.nanoTime();
            work.run();
            least = Math.min(least, System.nanoTime() - start);
        }
        return least / 1e9;
    }
}
