package nighttrain.executor.device.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * The threads of one rank: the caller and its helpers share numbered pieces of work. A piece must not depend on which thread takes it. Used by one
 * caller at a time.
 *
 * <p>Helpers spin for some microseconds before they park: a forward pass is hundreds of short operations in a row, and waking
 * a parked thread costs as much as one of them.
 */
final class ThreadTeam implements AutoCloseable {
    private static final int SPINS = 4_000;

    /** Elements below which an element-wise operation stays on one thread. */
    private static final int MIN_ELEMENTS = 16_384;

    private final Thread[] helpers;
    private volatile Job job = new Job(0, piece -> {});
    private volatile boolean closed;

    ThreadTeam(String name, int threads) {
        helpers = new Thread[threads - 1];
        for (int i = 0; i < helpers.length; i++) {
            helpers[i] = new Thread(this::help, name + "-helper-" + i);
            helpers[i].setDaemon(true);
            helpers[i].start();
        }
    }

    int threads() {
        return helpers.length + 1;
    }

    /** Runs {@code work} for every piece in {@code 0 .. pieces - 1} and returns when all are done. */
    void run(int pieces, IntConsumer work) {
        if (pieces <= 1 || helpers.length == 0) {
            for (int piece = 0; piece < pieces; piece++) {
                work.accept(piece);
            }
            return;
        }
        Job mine = new Job(pieces, work);
        job = mine;
        for (Thread helper : helpers) {
            LockSupport.unpark(helper);
        }
        mine.takePieces();
        mine.awaitDone();
    }

    /** Splits {@code items} items into even ranges, at most {@code perThread} per thread and at least {@code grain} items long. */
    void runRanges(int items, int grain, int perThread, RangeWork work) {
        int pieces = Math.max(1, Math.min(items / Math.max(1, grain), helpers.length == 0 ? 1 : threads() * perThread));
        run(
                pieces,
                piece -> work.accept(
                        (int) ((long) items * piece / pieces), (int) ((long) items * (piece + 1) / pieces)));
    }

    /** Returns the fewest items of {@code elements} elements each that an element-wise operation hands to another thread. */
    static int grain(int elements) {
        return Math.max(1, MIN_ELEMENTS / Math.max(1, elements));
    }

    private void help() {
        Job last = job;
        int spins = 0;
        while (!closed) {
            Job current = job;
            if (current != last) {
                last = current;
                current.takePieces();
                spins = 0;
            } else if (++spins < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.park(this);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        for (Thread helper : helpers) {
            LockSupport.unpark(helper);
        }
    }

    /** Work on items {@code from .. to - 1}. */
    @FunctionalInterface
    interface RangeWork {
        void accept(int from, int to);
    }

    private static final class Job {
        private final int pieces;
        private final IntConsumer work;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger done = new AtomicInteger();
        private final AtomicReference<Throwable> failure = new AtomicReference<>();

        Job(int pieces, IntConsumer work) {
            this.pieces = pieces;
            this.work = work;
        }

        void takePieces() {
            for (int piece = next.getAndIncrement(); piece < pieces; piece = next.getAndIncrement()) {
                try {
                    work.accept(piece);
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                }
                done.getAndIncrement();
            }
        }

        @SuppressWarnings("ThreadPriorityCheck") // a helper may wait for this processor
        void awaitDone() {
            for (int spins = 0; done.get() < pieces; spins++) {
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    Thread.yield();
                }
            }
            if (failure.get() != null) {
                throw new IllegalStateException("a helper thread failed", failure.get());
            }
        }
    }
}
