package nighttrain.executor.device;

import nighttrain.executor.device.Ops.Norm;

/** Communicates with the other ranks. Every rank makes the same calls in the same order. */
public interface Communicator {
    int rank();

    int size();

    /**
     * {@code out[t] = scale * sum of in over all tracks of all ranks}, for every local track t, in the type of both. {@code out} and
     * {@code in} are different buffers; until {@link Pending#await} neither may be written, and {@code out} not be read. After
     * {@link #allReduceNow} peers may still read {@code in}, until a later all-reduce has been awaited.
     *
     * @param out {@code [localTracks, tokens, cols]}
     * @param in {@code [localTracks, tokens, cols]}
     */
    Pending allReduce(Tensor out, Tensor in, float scale);

    /**
     * Sums {@code part} over all ranks. {@link Pending#await} returns the tensor that holds the sum: {@code part}, or a buffer that the communicator
     * keeps for it. The sum is valid until the same {@code part} is summed again.
     *
     * @param part {@code [localTracks, tokens, cols]}
     */
    Pending allReduce(Tensor part);

    /** As {@link #allReduce(Tensor, Tensor, float)}, awaited at once: the device need not overlap it with other work. */
    default Tensor allReduceNow(Tensor out, Tensor in, float scale) {
        return allReduce(out, in, scale).await();
    }

    /** As {@link #allReduce(Tensor)}, awaited at once. */
    default Tensor allReduceNow(Tensor part) {
        return allReduce(part).await();
    }

    /**
     * {@code x += sum of part over all ranks; out = norm(x)}, with the bits of {@link #allReduceNow(Tensor)} and {@link Ops#addNorm}: one
     * kernel where the device has it. Peers may read {@code part} for as long as after {@link #allReduceNow}.
     *
     * @param ops of the same rank
     */
    default void allReduceAddNorm(Tensor out, Tensor xInOut, Tensor part, Norm norm, Ops ops) {
        ops.addNorm(out, xInOut, allReduceNow(part), norm);
    }

    /**
     * Gathers whole rows from parts that are cut by columns: every rank gets the rows of its {@link RowShare}, the parts of all ranks side by side.
     * Returns the tensor that holds them: {@code whole}, or {@code part} if there is only one rank.
     *
     * @param whole {@code [1, rows of this rank, sum of part cols]}
     * @param part {@code [1, rows, cols]}; cols may differ between ranks
     */
    Tensor gatherRows(Tensor whole, Tensor part);

    /** Nanoseconds that this rank has spent in communication since it was opened, waits for other ranks included. */
    long waitedNanos();

    /** An all-reduce under way. */
    @FunctionalInterface
    interface Pending {
        /** Orders all later work of this rank after the all-reduce and returns the tensor that holds the sum. Never makes the host wait on a GPU. */
        Tensor await();
    }

    /**
     * The rows of one rank: all rows are cut into ranges of nearly equal length.
     *
     * @param from the first row
     * @param count number of rows
     */
    record RowShare(int from, int count) {
        public static RowShare of(int rows, int rank, int ranks) {
            int from = (int) ((long) rows * rank / ranks);
            return new RowShare(from, (int) ((long) rows * (rank + 1) / ranks) - from);
        }

        /** Returns the rank whose share contains row {@code row}. */
        public static int ownerOf(int row, int rows, int ranks) {
            return (int) (((row + 1L) * ranks + rows - 1) / rows) - 1;
        }

        /** Returns the most rows that any rank gets. */
        public static int largest(int rows, int ranks) {
            return (rows + ranks - 1) / ranks;
        }
    }

    /** Thrown if another rank failed while this one waited for it. The cause is the other rank's exception. */
    final class PeerFailedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public PeerFailedException() {
            super("another rank failed");
        }
    }
}
