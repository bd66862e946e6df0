package nighttrain.executor.run;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Communicator.PeerFailedException;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;

/** The ranks of one replica, which run every step together. */
public final class RankGroup implements AutoCloseable {
    private final List<RankWorker> workers = new ArrayList<>();

    private RankGroup(String name, List<Device> devices) {
        for (int rank = 0; rank < devices.size(); rank++) {
            workers.add(new RankWorker(name + "-rank-" + rank, devices.get(rank)));
        }
    }

    /** Loads the model onto {@code devices}, one rank each; they are closed with the group. */
    public static RankGroup load(
            String name, Checkpoint checkpoint, List<Device> devices, StepLimits limits, CacheLayout layout) {
        RankGroup group = new RankGroup(name, devices);
        try {
            all(group.workers.stream()
                    .map(worker -> worker.load(checkpoint, limits, layout))
                    .toList());
            return group;
        } catch (RuntimeException | Error e) {
            group.close();
            throw e;
        }
    }

    /** Returns how many steps may be under way when another is launched. */
    public int stepsAhead() {
        return workers.get(0).device.stepsAhead();
    }

    /** Hands a step to every rank. Its handle returns the tokens that all ranks sampled. */
    public StepHandle launch(Batch batch) {
        List<StepHandle> handles = onAll(rank -> workers.get(rank).runner.launch(batch));
        return () -> onAll(rank -> handles.get(rank).await()).stream()
                .flatMap(List::stream)
                .toList();
    }

    /** Runs {@code work} on every rank. Rank 0 runs on the caller's thread, because a hand-over between threads costs as much as scheduling. */
    private <T> List<T> onAll(IntFunction<T> work) {
        List<CompletableFuture<T>> results = new ArrayList<>();
        for (int r = 1; r < workers.size(); r++) {
            int rank = r;
            results.add(workers.get(rank).submit(() -> work.apply(rank)));
        }
        results.add(0, workers.get(0).here(() -> work.apply(0)));
        return all(results);
    }

    /** Waits for every rank and returns their results in order; a failure is thrown with the number of the rank that caused it. */
    private static <T> List<T> all(List<CompletableFuture<T>> results) {
        RuntimeException failure = null;
        for (int rank = 0; rank < results.size(); rank++) {
            try {
                results.get(rank).join();
            } catch (CompletionException e) {
                failure = worse(failure, rank, e.getCause());
            }
        }
        if (failure != null) {
            throw failure;
        }
        return results.stream().map(CompletableFuture::join).toList();
    }

    private static RuntimeException worse(RuntimeException failure, int rank, Throwable cause) {
        if (cause instanceof PeerFailedException echo) {
            return failure == null ? echo : failure;
        }
        if (failure != null && !(failure instanceof PeerFailedException)) {
            return failure;
        }
        return cause instanceof UserError error
                ? error
                : new IllegalStateException("rank " + rank + " failed: " + cause, cause);
    }

    /** Nanoseconds that rank 0's device has worked on steps. */
    public long busyNanos() {
        return workers.get(0).device.stepIo().busyNanos();
    }

    /** Nanoseconds that rank 0 has spent in communication, waits for other ranks included. */
    public long waitedNanos() {
        return workers.get(0).device.communicator().waitedNanos();
    }

    /** Returns the tokens that rank 0 has routed to all ranks' experts. */
    public ExpertOps.Load expertLoad() {
        return workers.get(0).device.expertOps().map(ExpertOps::load).orElse(ExpertOps.Load.NONE);
    }

    @Override
    public void close() {
        workers.forEach(RankWorker::close);
    }

    /** One thread that drives one device. All work of the rank runs on it. */
    private static final class RankWorker implements AutoCloseable {
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
                Decoder decoder =
                        device.load(() -> Decoder.load(checkpoint, device, limits, layout), StepRunner::rehearse);
                runner = new StepRunner(decoder, device.recorder());
                runner.warmUp();
                return runner;
            });
        }

        /** Runs this rank's work on the calling thread. */
        <T> CompletableFuture<T> here(Supplier<T> work) {
            try {
                return CompletableFuture.completedFuture(closingOnFailure(work));
            } catch (RuntimeException | Error e) {
                return CompletableFuture.failedFuture(e);
            }
        }

        /** Runs this rank's work on its own thread. */
        <T> CompletableFuture<T> submit(Supplier<T> work) {
            return CompletableFuture.supplyAsync(() -> closingOnFailure(work), thread);
        }

        /** Runs {@code work}, and closes the device at once if it fails, which releases the ranks that wait for this one. */
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

        @Override
        public void close() {
            device.close();
            thread.shutdown();
        }
    }
}
