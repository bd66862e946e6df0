package nighttrain.executor.benchmark;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.CudaOptions;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sums of bf16 over all GPUs of this machine, by size, in a recording of 50: microseconds each, the best of some replays; by kernels
 * that read peers' memory and by NCCL.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(300)
class GpuAllReduceBenchmark {
    private static final int COLS = Integer.getInteger("bench.cols", 4096);
    private static final int LARGEST_ROWS = 4096;
    private static final int SUMS = 50;
    private static final int REPLAYS = 12;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void microsecondsBySize(boolean nccl) {
        int gpus = CudaDevices.count();
        List<Device> devices = CudaDevices.ranks(
                IntStream.range(0, gpus).boxed().toList(),
                new StepLimits(1, LARGEST_ROWS, 0, 16),
                CacheLayout.ofPages(16, 1),
                new CudaOptions(false, false, nccl));
        CyclicBarrier together = new CyclicBarrier(gpus);
        List<CompletableFuture<Void>> ranks = devices.stream()
                .map(device -> CompletableFuture.runAsync(
                        () -> measure(device, together, nccl ? "NCCL" : "peers"), Executors.newSingleThreadExecutor()))
                .toList();
        ranks.forEach(CompletableFuture::join);
        devices.forEach(Device::close);
    }

    private static void measure(Device device, CyclicBarrier together, String how) {
        device.stepIo().begin(new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of()));
        Tensor a = device.tensor("a", 1, LARGEST_ROWS, COLS);
        Tensor b = device.tensor("b", 1, LARGEST_ROWS, COLS);
        Communicator ranks = device.communicator();
        ranks.allReduceNow(a);
        for (int rows : new int[] {1, 4, 16, 64, 96, 128, 192, 256, 512, 1024, 4096}) {
            double micros = micros(device, together, i -> ranks.allReduceNow((i % 2 == 0 ? a : b).firstRows(rows)));
            if (ranks.rank() == 0) {
                System.out.printf("%s: all-reduce of %,d bytes: %.1f us%n", how, rows * COLS * 2, micros);
            }
        }
    }

    private static double micros(Device device, CyclicBarrier together, IntConsumer sum) {
        Runnable sums = () -> IntStream.range(0, SUMS).forEach(sum);
        sums.run();
        CapturedGraph graph = device.recorder().orElseThrow().record(sums);
        double least = Double.POSITIVE_INFINITY;
        for (int replay = 0; replay < REPLAYS; replay++) {
            device.stepIo().end().await();
            await(together);
            long start = System.nanoTime();
            graph.replay();
            device.stepIo().end().await();
            least = Math.min(least, (System.nanoTime() - start) / 1e3 / SUMS);
        }
        return least;
    }

    private static void await(CyclicBarrier together) {
        try {
            together.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
