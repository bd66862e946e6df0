package nighttrain.executor.device.cuda.collective;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import nighttrain.executor.device.Communicator.PeerFailedException;

/** Exchanges addresses and measurements between the ranks of one replica, on the host. */
public final class PeerGroup {
    private static final long PATIENCE_SECONDS = 120;

    private final int ranks;
    private final Optional<NcclGroup> nccl;
    private final Map<String, CompletableFuture<Long>> told = new ConcurrentHashMap<>();
    private final Map<Integer, Runnable> aborts = new HashMap<>();
    private volatile boolean failed;
    private int left;

    /**
     * @param nccl communicates if GPUs cannot read each other's memory
     */
    public PeerGroup(int ranks, Optional<NcclGroup> nccl) {
        this.ranks = ranks;
        this.nccl = nccl;
    }

    Optional<NcclGroup> nccl() {
        return nccl;
    }

    public int ranks() {
        return ranks;
    }

    /** Gives {@code mine} to all ranks and returns the values that they give for the same topic. */
    long[] exchange(String topic, int rank, long mine) {
        told(topic, rank).complete(mine);
        long[] all = new long[ranks];
        for (int r = 0; r < ranks; r++) {
            all[r] = await(told(topic, r), topic, r);
        }
        return all;
    }

    private CompletableFuture<Long> told(String topic, int rank) {
        CompletableFuture<Long> future = told.computeIfAbsent(topic + " of " + rank, key -> new CompletableFuture<>());
        if (failed) { // read after the future is in the map, so that either fail() or this method completes it
            future.completeExceptionally(new PeerFailedException());
        }
        return future;
    }

    private static long await(CompletableFuture<Long> future, String topic, int rank) {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new PeerFailedException();
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "no word from rank " + rank + ": " + topic + " (after " + PATIENCE_SECONDS + " s)", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for rank " + rank, e);
        }
    }

    boolean hasFailed() {
        return failed;
    }

    /** Registers {@code abort}, which ends the kernels of a rank that wait for a peer. */
    synchronized void enter(int rank, Runnable abort) {
        aborts.put(rank, abort);
    }

    /** Called when the rank's captured graphs are freed, before its memory is. */
    synchronized void leave(int rank) {
        aborts.remove(rank);
        if (++left == ranks) {
            nccl.ifPresent(NcclGroup::awaitEnd);
        }
    }

    /** Releases all ranks that wait, on the host and on the GPUs. */
    synchronized void fail() {
        failed = true;
        aborts.values().forEach(Runnable::run);
        nccl.ifPresent(NcclGroup::abort);
        told.values().forEach(future -> future.completeExceptionally(new PeerFailedException()));
    }
}
