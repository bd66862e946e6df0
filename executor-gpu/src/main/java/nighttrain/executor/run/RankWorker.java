package nighttrain.executor.run;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;

/** One thread that drives one device: everything a rank does, it does there. */
final class RankWorker implements AutoCloseable {
    private final Device device;
    private final ExecutorService thread;
    private StepRunner runner;

    RankWorker(String name, Device device) {
        this.device = device;
        this.thread = Executors.newSingleThreadExecutor(task -> {
            Thread t = new Thread(task, name);
            t.setDaemon(true);
            return t;
        });
    }

    CompletableFuture<StepRunner> load(Checkpoint checkpoint, StepLimits limits, CacheLayout layout) {
        return submit(() -> {
            runner = new StepRunner(Decoder.load(checkpoint, device, limits, layout), device.recorder());
            runner.warmUp();
            return runner;
        });
    }

    /** Hands a step to the device. */
    StepHandle launch(Batch batch) {
        return runner.launch(batch);
    }

    /** Does this rank's work on the calling thread. */
    <T> CompletableFuture<T> here(Supplier<T> work) {
        try {
            return CompletableFuture.completedFuture(closingOnFailure(work));
        } catch (RuntimeException | Error e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Does it on this rank's thread. */
    <T> CompletableFuture<T> submit(Supplier<T> work) {
        return CompletableFuture.supplyAsync(() -> closingOnFailure(work), thread);
    }

    /** A rank that fails closes its device at once, which releases the ranks that wait for it. */
    private <T> T closingOnFailure(Supplier<T> work) {
        try {
            return work.get();
        } catch (RuntimeException e) {
            RuntimeException explained = device.explained(e);
            device.close();
            throw explained;
        } catch (Error e) {
            device.close();
            throw e;
        }
    }

    int stepsAhead() {
        return device.stepsAhead();
    }

    long busyNanos() {
        return device.stepIo().busyNanos();
    }

    long waitedNanos() {
        return device.communicator().waitedNanos();
    }

    @Override
    public void close() {
        device.close();
        thread.shutdown();
    }
}
