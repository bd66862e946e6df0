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
 * NCCL's communicators of one replica's ranks, made together and ended together. NCCL ends the last of them only when no recording
 * refers to them any more, so ends run beside the closing of devices.
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

    /** What a rank calls NCCL with. */
    record Rank(Nccl library, Pointer communicator) {}

    /** A call of one rank, {@code function} returning NCCL's status; none begins once the group has been aborted. */
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

    /** Makes kernels that wait for a peer give up. */
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

    /** A rank that is inside NCCL comes out first, unless it waits there for a peer. */
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

    /** Waits until NCCL has let go of the GPUs; all recordings are gone. */
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
                Pointer send, Pointer receive, long count, int type, int operation, Pointer communicator, Pointer stream);

        int ncclSend(Pointer send, long count, int type, int peer, Pointer communicator, Pointer stream);

        int ncclRecv(Pointer receive, long count, int type, int peer, Pointer communicator, Pointer stream);

        int ncclGroupStart();

        int ncclGroupEnd();

        String ncclGetErrorString(int status);

        String ncclGetLastError(Pointer communicator);
    }
}
