package nighttrain.executor.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.Ops.Norm;
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
 * Measures all-reduces of bf16 over all GPUs of this machine by size, by kernels that read peers' memory and by NCCL. Prints microseconds of
 * one all-reduce in a captured graph of 50, the best of some replays. {@code -Dbench.gpus=2} sets the number of GPUs.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(300)
class GpuAllReduceBenchmark {
    private static final int COLS = Integer.getInteger("bench.cols", 4096);
    private static final int LARGEST_ROWS = 4096;
    private static final int SUMS = 50;
    private static final int REPLAYS = 12;
    private static final int MOST_NORMED_ROWS = 8192;
    private static final int NORMED_SUMS = 20;
    private static final int NORMED_REPLAYS = 25;
    private static final Batch EMPTY =
            new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of());

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void microsecondsBySize(boolean nccl) {
        onAllGpus(LARGEST_ROWS, nccl, (device, together) -> measure(device, together, nccl ? "NCCL" : "peers"));
    }

    /**
     * Measures what dense tensor parallelism does between two matmuls: an all-reduce, its addition to the residual stream, a norm; as two
     * kernels and as one. Sizes over {@code PeerTransport.MOST_NORMED_BYTES} do not use the one kernel. Prints medians over captured graphs of
     * 20, run in turn.
     */
    @ParameterizedTest
    @ValueSource(ints = {4096, 8192})
    void sumAndNorm(int cols) {
        onAllGpus(MOST_NORMED_ROWS, false, (device, together) -> measureSumAndNorm(device, together, cols));
    }

    private static void onAllGpus(int rows, boolean nccl, BiConsumer<Device, CyclicBarrier> work) {
        int gpus = Integer.getInteger("bench.gpus", CudaDevices.count());
        List<Device> devices = CudaDevices.ranks(
                IntStream.range(0, gpus).boxed().toList(),
                new StepLimits(1, rows, 0, 16),
                CacheLayout.ofPages(16, 1),
                new CudaOptions(false, false, nccl));
        CyclicBarrier together = new CyclicBarrier(gpus);
        List<CompletableFuture<Void>> ranks = devices.stream()
                .map(device -> CompletableFuture.runAsync(
                        () -> {
                            device.stepIo().begin(EMPTY);
                            work.accept(device, together);
                        },
                        Executors.newSingleThreadExecutor()))
                .toList();
        ranks.forEach(CompletableFuture::join);
        devices.forEach(Device::close);
    }

    private static void measureSumAndNorm(Device device, CyclicBarrier together, int cols) {
        Tensor x = device.tensor("x", 1, MOST_NORMED_ROWS, cols);
        Tensor part = device.tensor("part", 1, MOST_NORMED_ROWS, cols);
        Tensor out = device.tensor("out", 1, MOST_NORMED_ROWS, cols);
        float[] ones = new float[cols];
        Arrays.fill(ones, 1);
        Norm norm = new Norm(device.constant("weight", 1, 1, cols, ones), Optional.empty(), 1e-5f);
        Communicator ranks = device.communicator();
        for (int rows : new int[] {1, 8, 32, 64, 128, 256, 512, 1024, 4096, MOST_NORMED_ROWS}) {
            Runnable pair = () -> device.ops()
                    .addNorm(out.firstRows(rows), x.firstRows(rows), ranks.allReduceNow(part.firstRows(rows)), norm);
            Runnable one = () -> ranks.allReduceAddNorm(
                    out.firstRows(rows), x.firstRows(rows), part.firstRows(rows), norm, device.ops());
            double[] micros = medians(device, together, List.of(pair, one));
            if (ranks.rank() == 0) {
                System.out.printf(
                        "%d GPUs, rows of %,d: %,6d rows, %,8d KiB: sum, then norm %7.1f us, in one kernel %7.1f us (%.2f)%n",
                        ranks.size(),
                        cols,
                        rows,
                        ((long) rows * cols * 2) >> 10,
                        micros[0],
                        micros[1],
                        micros[1] / micros[0]);
            }
        }
    }

    /** Returns the median microseconds of each kind of work; the kinds run in turn. */
    private static double[] medians(Device device, CyclicBarrier together, List<Runnable> kinds) {
        List<CapturedGraph> graphs = kinds.stream()
                .map(work -> {
                    work.run();
                    return device.recorder()
                            .orElseThrow()
                            .record(() -> IntStream.range(0, NORMED_SUMS).forEach(i -> work.run()));
                })
                .toList();
        double[][] micros = new double[kinds.size()][NORMED_REPLAYS];
        for (int replay = 0; replay < NORMED_REPLAYS; replay++) {
            for (int kind = 0; kind < micros.length; kind++) {
                micros[kind][replay] = micros(device, together, graphs.get(kind)) / NORMED_SUMS;
            }
        }
        return Arrays.stream(micros)
                .mapToDouble(times -> Arrays.stream(times).sorted().toArray()[NORMED_REPLAYS / 2])
                .toArray();
    }

    private static void measure(Device device, CyclicBarrier together, String how) {
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
            least = Math.min(least, micros(device, together, graph) / SUMS);
        }
        return least;
    }

    private static double micros(Device device, CyclicBarrier together, CapturedGraph graph) {
        device.stepIo().end().await();
        await(together);
        long start = System.nanoTime();
        graph.replay();
        device.stepIo().end().await();
        return (System.nanoTime() - start) / 1e3;
    }

    private static void await(CyclicBarrier together) {
        try {
            together.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
