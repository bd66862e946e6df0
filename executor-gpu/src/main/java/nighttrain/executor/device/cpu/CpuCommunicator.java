package nighttrain.executor.device.cpu;

import java.util.Arrays;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.PeerFailedException;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Tensor;

/**
 * Sums at {@link Pending#await}, not at the start, in the order of ranks and tracks. A forgotten await, or a buffer that is changed while its
 * all-reduce runs, thus fails here every time instead of racing on a GPU; and a sum over tracks has the same bits on any number of ranks.
 */
final class CpuCommunicator implements Communicator {
    private final int rank;
    private final RankExchange exchange;
    private final boolean skipAllReduce;
    private long waitedNanos;

    /**
     * @param skipAllReduce return every rank its own part, to measure the time without all-reduces; the values are wrong
     */
    CpuCommunicator(int rank, RankExchange exchange, boolean skipAllReduce) {
        this.rank = rank;
        this.exchange = exchange;
        this.skipAllReduce = skipAllReduce;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return exchange.ranks();
    }

    @Override
    public long waitedNanos() {
        return waitedNanos;
    }

    @Override
    public Pending allReduce(Tensor out, Tensor in, float scale) {
        if (out == in) {
            throw new IllegalArgumentException("a sum over its own input (peers may still read it)");
        }
        return sum(out, in, scale);
    }

    @Override
    public Pending allReduce(Tensor part) {
        return sum(part, part, 1f);
    }

    private Pending sum(Tensor out, Tensor in, float scale) {
        if (skipAllReduce) {
            return () -> in;
        }
        return () -> {
            long start = System.nanoTime();
            if (size() > 1 || in.tracks() > 1 || scale != 1f || out != in) {
                reduce((CpuTensor) out, (CpuTensor) in, scale);
            }
            waitedNanos += System.nanoTime() - start;
            return out;
        };
    }

    /** Every rank sums its share of the elements into the common result. After a second barrier all ranks copy the whole result. */
    private void reduce(CpuTensor out, CpuTensor in, float scale) {
        int length = in.rows() * in.cols();
        exchange.publish(rank, in, length);
        int from = (int) ((long) length * rank / size());
        int to = (int) ((long) length * (rank + 1) / size());
        float[] result = exchange.result();
        Arrays.fill(result, from, to, 0f);
        for (int r = 0; r < size(); r++) {
            CpuTensor part = exchange.of(r);
            for (int track = 0; track < part.tracks(); track++) {
                addTo(result, from, to, part.data(), part.row(track, 0));
            }
        }
        for (int i = from; i < to && scale != 1f; i++) {
            result[i] *= scale;
        }
        exchange.meet();
        for (int track = 0; track < out.tracks(); track++) {
            System.arraycopy(result, 0, out.data(), out.row(track, 0), length);
        }
    }

    private static void addTo(float[] result, int from, int to, float[] part, int start) {
        for (int i = from; i < to; i++) {
            result[i] += part[start + i];
        }
    }

    @Override
    public Tensor gatherRows(Tensor whole, Tensor part) {
        if (size() == 1) {
            return part;
        }
        long start = System.nanoTime();
        exchange.publish(rank, (CpuTensor) part, 0);
        CpuTensor out = (CpuTensor) whole;
        RowShare share = RowShare.of(part.rows(), rank, size());
        int column = 0;
        for (int r = 0; r < size(); r++) {
            CpuTensor in = exchange.of(r);
            for (int row = 0; row < share.count(); row++) {
                System.arraycopy(
                        in.data(), in.row(0, share.from() + row), out.data(), out.row(0, row) + column, in.cols());
            }
            column += in.cols();
        }
        exchange.meet();
        waitedNanos += System.nanoTime() - start;
        return whole;
    }

    /** The data that the ranks of one replica share: a reference to each rank's tensor, a common result, and the barrier between them. */
    static final class RankExchange {
        private final CpuTensor[] published;
        private final RankBarrier barrier;
        private float[] result = new float[0];

        RankExchange(int ranks) {
            this.published = new CpuTensor[ranks];
            this.barrier = new RankBarrier(ranks);
        }

        int ranks() {
            return published.length;
        }

        /** Publishes {@code tensor} to all ranks and waits until every rank has published its own. Rank 0 allocates the result. */
        void publish(int rank, CpuTensor tensor, int resultLength) {
            if (rank == 0 && result.length < resultLength) {
                result = new float[resultLength];
            }
            published[rank] = tensor;
            barrier.meet();
        }

        CpuTensor of(int rank) {
            return published[rank];
        }

        float[] result() {
            return result;
        }

        void meet() {
            barrier.meet();
        }

        /** Releases every waiting rank with an error. */
        void abort() {
            barrier.breakForGood();
        }

        /**
         * A barrier at which the threads of all ranks wait for one another. It stays broken once broken: a rank that fails must not leave the others
         * waiting.
         */
        static final class RankBarrier {
            private static final int YIELDS = 100;

            private final int parties;
            private int arrived;
            private volatile long generation;
            private volatile boolean broken;

            RankBarrier(int parties) {
                this.parties = parties;
            }

            /**
             * Waits until every rank has arrived. Does not sleep for some tens of microseconds, since all-reduces are short and many, and yields the
             * processor, since a late rank may be waiting for it.
             */
            @SuppressWarnings("ThreadPriorityCheck") // yields on purpose
            void meet() {
                long mine;
                synchronized (this) {
                    mine = generation;
                    if (++arrived == parties) {
                        arrived = 0;
                        generation++;
                        notifyAll();
                        return;
                    }
                }
                for (int yields = 0; yields < YIELDS && generation == mine && !broken; yields++) {
                    Thread.yield();
                }
                waitFor(mine);
            }

            private synchronized void waitFor(long mine) {
                boolean interrupted = false;
                while (generation == mine && !broken) {
                    try {
                        wait();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                if (generation == mine) {
                    throw new PeerFailedException();
                }
            }

            synchronized void breakForGood() {
                broken = true;
                notifyAll();
            }
        }
    }
}
