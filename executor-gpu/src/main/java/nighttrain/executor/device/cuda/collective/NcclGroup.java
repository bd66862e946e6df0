package nighttrain.executor.device.cuda.collective;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import nighttrain.executor.device.Communicator.PeerFailedException;

/**
 * The NCCL communicators of one replica, which are created together and aborted together. NCCL ends the last one only when no captured
 * graph refers to it, so the aborts run in threads of their own while devices close.
 */
public final class NcclGroup {
    private static final long PATIENCE_MILLIS = 5_000;

    private final Nccl nccl;
    private final Pointer[] communicators;
    private final List<ReentrantLock> busy;
    private final List<Thread> ends = new ArrayList<>();
    private volatile boolean aborted;

    NcclGroup(Nccl nccl, List<Integer> ordinals) {
        this.nccl = nccl;
        this.communicators = new Pointer[ordinals.size()];
        this.busy = ordinals.stream().map(ordinal -> new ReentrantLock()).toList();
        int[] gpus = ordinals.stream().mapToInt(Integer::intValue).toArray();
        check("ncclCommInitAll", nccl.ncclCommInitAll(communicators, gpus.length, gpus));
    }

    /** The library and the communicator of one rank. */
    record Rank(Nccl library, Pointer communicator) {}

    /** Calls NCCL for one rank; {@code function} returns NCCL's status. After an abort no call begins. */
    void call(int rank, String name, ToIntFunction<Rank> function) {
        busy.get(rank).lock();
        try {
            if (aborted) {
                throw new PeerFailedException();
            }
            check(name, function.applyAsInt(new Rank(nccl, communicators[rank])));
        } finally {
            busy.get(rank).unlock();
        }
    }

    private void check(String name, int status) {
        if (status != 0) {
            throw new IllegalStateException("NCCL failed: " + name + " (" + nccl.ncclGetErrorString(status) + ": "
                    + nccl.ncclGetLastError(null) + ")");
        }
    }

    /** Ends kernels that wait for a peer. */
    synchronized void abort() {
        if (aborted) {
            return;
        }
        aborted = true;
        IntStream.range(0, communicators.length).forEach(rank -> {
            Thread end = new Thread(() -> end(rank), "nccl-end-" + rank);
            end.setDaemon(true);
            end.start();
            ends.add(end);
        });
    }

    /** Waits for a call under way to return, unless it waits for a peer, and aborts. */
    private void end(int rank) {
        boolean free = false;
        try {
            free = busy.get(rank).tryLock(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
            nccl.ncclCommAbort(communicators[rank]);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            if (free) {
                busy.get(rank).unlock();
            }
        }
    }

    /** Waits until NCCL has released the GPUs. All captured graphs must be freed before. */
    void awaitEnd() {
        try {
            for (Thread end : ends) {
                end.join(2 * PATIENCE_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** NVIDIA's collectives; functions and constants as in nccl.h of NCCL 2. */
    public interface Nccl extends Library {
        int FP32 = 7;
        int BF16 = 9;
        int SUM = 0;

        int ncclCommInitAll(Pointer[] communicators, int devices, int[] ordinals);

        int ncclCommAbort(Pointer communicator);

        int ncclAllReduce(
                Pointer send,
                Pointer receive,
                long count,
                int type,
                int operation,
                Pointer communicator,
                Pointer stream);

        int ncclSend(Pointer send, long count, int type, int peer, Pointer communicator, Pointer stream);

        int ncclRecv(Pointer receive, long count, int type, int peer, Pointer communicator, Pointer stream);

        int ncclGroupStart();

        int ncclGroupEnd();

        String ncclGetErrorString(int status);

        String ncclGetLastError(Pointer communicator);
    }
}
