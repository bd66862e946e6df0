package nighttrain.executor.run;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.IntFunction;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.PeerFailedException;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;

/** The ranks of one replica, which take every step together. */
public final class WorkerGroup implements AutoCloseable {
    private final List<RankWorker> workers = new ArrayList<>();

    private WorkerGroup(String name, List<Device> devices) {
        for (int rank = 0; rank < devices.size(); rank++) {
            workers.add(new RankWorker(name + "-rank-" + rank, devices.get(rank)));
        }
    }

    /** Loads the model onto {@code devices}, one rank each; they are closed with the group. */
    public static WorkerGroup load(
            String name, Checkpoint checkpoint, List<Device> devices, StepLimits limits, CacheLayout layout) {
        WorkerGroup group = new WorkerGroup(name, devices);
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

    /** How many steps may be under way when another is launched. */
    public int stepsAhead() {
        return workers.get(0).stepsAhead();
    }

    /** Hands a step to every rank; it lands with the tokens that all of them sampled. */
    public StepHandle launch(Batch batch) {
        List<StepHandle> handles = onAll(rank -> workers.get(rank).launch(batch));
        return () -> onAll(rank -> handles.get(rank).await()).stream()
                .flatMap(List::stream)
                .toList();
    }

    /** Does work on every rank, rank 0 on the caller's thread: a hand-over costs as much as scheduling does. */
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
        return workers.get(0).busyNanos();
    }

    /** Nanoseconds that rank 0 has waited for the others. */
    public long waitedNanos() {
        return workers.get(0).waitedNanos();
    }

    @Override
    public void close() {
        workers.forEach(RankWorker::close);
    }
}
