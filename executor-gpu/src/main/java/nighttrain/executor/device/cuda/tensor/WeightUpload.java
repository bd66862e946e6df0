package nighttrain.executor.device.cuda.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;

/**
 * Uploads weights from the mapped file through pinned buffers. While one buffer is copied to the GPU, all cores fill the next.
 */
public final class WeightUpload {
    private static final int BUFFERS = 3;
    private static final int BUFFER_BYTES = 32 << 20;

    /** Most seconds to fill one buffer from a slow remote file. */
    private static final int MOST_SECONDS = 60;

    private final CudaContext context;
    private final Streams streams;
    private final DeviceMemory.Pinned[] buffers = new DeviceMemory.Pinned[BUFFERS];
    private final CUevent[] travelled = new CUevent[BUFFERS];
    private int next;
    private volatile Optional<Behind> behind = Optional.empty();

    public WeightUpload(CudaContext context, Streams streams, DeviceMemory memory) {
        this.context = context;
        this.streams = streams;
        for (int i = 0; i < BUFFERS; i++) {
            buffers[i] = memory.pinned(BUFFER_BYTES);
            travelled[i] = new CUevent();
            JCudaDriver.cuEventCreate(travelled[i], CUevent_flags.CU_EVENT_DISABLE_TIMING);
        }
    }

    /** Fills {@code target} with {@code [tracks, outputs, inputs]} values as bf16. */
    public void run(DevicePointer target, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        run(() -> send(
                target,
                tracks * outputs,
                inputs * CudaTensor.BF16,
                (row, to) -> rows.readBfloat16(row / outputs, row % outputs, inputs, to.asShortBuffer())));
    }

    /** Fills {@code target} with the values as e4m3, and {@code scales} with their scales, {@code [tracks, outputs]}. */
    public void runE4m3(
            DevicePointer target, DevicePointer scales, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        float[] values = new float[Math.multiplyExact(tracks, outputs)];
        run(() -> {
            send(
                    target,
                    values.length,
                    inputs,
                    (row, to) -> values[row] = rows.readE4m3(row / outputs, row % outputs, inputs, to));
            HostCopies.write(scales, values);
        });
    }

    /** Runs {@code work} while another thread uploads the weights that it asks for; returns when all uploads are under way. */
    public <T> T behind(Supplier<T> work) {
        Behind thread = new Behind();
        behind = Optional.of(thread);
        try {
            T done = work.get();
            thread.finish();
            return done;
        } finally {
            thread.stop();
            behind = Optional.empty();
        }
    }

    private void run(Runnable upload) {
        behind.ifPresentOrElse(thread -> thread.add(upload), upload);
    }

    /** The thread that uploads weights while their owner does other work. */
    private final class Behind {
        private final ExecutorService thread = Executors.newSingleThreadExecutor(task -> {
            Thread one = new Thread(task, Thread.currentThread().getName() + "-weights");
            one.setDaemon(true);
            return one;
        });
        private volatile boolean stopped;
        private CompletableFuture<Void> all = CompletableFuture.runAsync(context::makeCurrent, thread);

        void add(Runnable upload) {
            all = all.thenRunAsync(upload, thread);
        }

        void check() {
            if (stopped) {
                throw new CancellationException("loading has failed");
            }
        }

        void finish() {
            try {
                all.join();
            } catch (CompletionException e) {
                throw e.getCause() instanceof RuntimeException failure ? failure : e;
            }
        }

        /** Ends the thread: after a failure, it must not write to memory that is about to be freed. */
        void stop() {
            stopped = true;
            thread.shutdown();
            try {
                thread.awaitTermination(MOST_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Writes a row's bytes. */
    @FunctionalInterface
    private interface RowBytes {
        void write(int row, ByteBuffer to);
    }

    private void send(DevicePointer target, int all, int rowBytes, RowBytes rows) {
        int rowsPerBuffer = BUFFER_BYTES / rowBytes;
        if (rowsPerBuffer == 0) {
            throw new IllegalArgumentException(
                    "row of a matrix: " + rowBytes + " bytes (at most " + BUFFER_BYTES + ")");
        }
        for (int from = 0; from < all; from += rowsPerBuffer) {
            int count = Math.min(rowsPerBuffer, all - from);
            behind.ifPresent(Behind::check);
            JCudaDriver.cuEventSynchronize(travelled[next]);
            fill(buffers[next].view(), from, count, rowBytes, rows);
            JCudaDriver.cuMemcpyHtoDAsync(
                    target.withByteOffset((long) from * rowBytes),
                    buffers[next].pointer(),
                    (long) count * rowBytes,
                    streams.main());
            JCudaDriver.cuEventRecord(travelled[next], streams.main());
            next = (next + 1) % BUFFERS;
        }
    }

    private static void fill(ByteBuffer buffer, int from, int count, int rowBytes, RowBytes rows) {
        IntStream.range(0, count)
                .parallel()
                .forEach(i -> rows.write(
                        from + i, buffer.slice(i * rowBytes, rowBytes).order(ByteOrder.nativeOrder())));
    }
}
