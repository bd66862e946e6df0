package nighttrain.executor.benchmark;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Pending;
import nighttrain.executor.device.Recorder.Recording;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.CudaOptions;
import nighttrain.executor.device.cuda.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sums of bf16 over all GPUs of this machine, by size, in a recording of 50: microseconds each, the best of some replays; by kernels
 * that read peers' memory and by NCCL, and with the addition and norm behind it, in one kernel where there is one and apart.
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
                new StepLimits(LARGEST_ROWS, 1, 1, 1, 16),
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
        device.kernels().begin(new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of()));
        Tensor a = device.tensor("a", 1, LARGEST_ROWS, COLS);
        Tensor b = device.tensor("b", 1, LARGEST_ROWS, COLS);
        Tensor x = device.tensor("x", 1, LARGEST_ROWS, COLS);
        Tensor normed = device.tensor("normed", 1, LARGEST_ROWS, COLS);
        Norm norm = new Norm(device.constant("weight", 1, 1, COLS, new float[COLS]), Optional.empty(), 1e-5f);
        Communicator ranks = device.communicator();
        Kernels kernels = device.kernels();
        ranks.allReduce(a).await();
        for (int rows : new int[] {1, 4, 16, 64, 96, 128, 192, 256, 512, 1024, 4096}) {
            Tensor stream = x.firstRows(rows);
            Tensor out = normed.firstRows(rows);
            IntFunction<Pending> sum = i -> ranks.allReduce((i % 2 == 0 ? a : b).firstRows(rows));
            double alone = micros(device, together, i -> sum.apply(i).await());
            double fused = micros(device, together, i -> sum.apply(i).addNorm(kernels, out, stream, norm));
            double apart = micros(
                    device,
                    together,
                    i -> kernels.addNorm(out, stream, sum.apply(i).await(), norm));
            if (ranks.rank() == 0) {
                System.out.printf(
                        "%s: %,d bytes: sum %.1f us; into a norm %.1f, apart %.1f%n",
                        how, rows * COLS * 2, alone, fused, apart);
            }
        }
    }

    private static double micros(Device device, CyclicBarrier together, IntConsumer sum) {
        Runnable sums = () -> IntStream.range(0, SUMS).forEach(sum);
        sums.run();
        Recording recording = device.recorder().orElseThrow().record(sums);
        double least = Double.POSITIVE_INFINITY;
        for (int replay = 0; replay < REPLAYS; replay++) {
            device.kernels().end().land();
            await(together);
            long start = System.nanoTime();
            recording.replay();
            device.kernels().end().land();
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
