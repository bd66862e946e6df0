package nighttrain.executor.device;

/** Where ranks meet. Every rank makes the same calls in the same order. */
public interface Communicator {
    int rank();

    int size();

    /**
     * {@code out[t] = scale * sum of in over all tracks of all ranks}, for every local track t. {@code out} and {@code in} are
     * different buffers, and neither may be touched until {@link Pending#await}. Of a sum that is waited for at once
     * ({@link #allReduceNow}) peers may read {@code in} for longer, until a later sum has landed.
     *
     * @param out {@code [localTracks, tokens, cols]}
     * @param in {@code [localTracks, tokens, cols]}
     */
    Pending allReduce(Tensor out, Tensor in, float scale);

    /**
     * The sum of {@code part} over all ranks, where {@link Pending#await} says: in {@code part} or in a buffer that the
     * communicator keeps for it. Valid until the same {@code part} is summed again.
     *
     * @param part {@code [localTracks, tokens, cols]}
     */
    Pending allReduce(Tensor part);

    /** As {@link #allReduce(Tensor, Tensor, float)}, waited for at once: nothing runs beside it, so a device need not make it travel. */
    default Tensor allReduceNow(Tensor out, Tensor in, float scale) {
        return allReduce(out, in, scale).await();
    }

    /** As {@link #allReduce(Tensor)}, waited for at once. */
    default Tensor allReduceNow(Tensor part) {
        return allReduce(part).await();
    }

    /**
     * Columns to rows: every rank gets the rows of its {@link RowShare} whole, all ranks' parts of them side by side. Returns
     * where they are: in {@code whole}, or in {@code part} where there is one rank alone.
     *
     * @param whole {@code [1, rows of this rank, sum of part cols]}
     * @param part {@code [1, rows, cols]}; cols may differ between ranks
     */
    Tensor gatherRows(Tensor whole, Tensor part);

    /** Nanoseconds this rank has waited for the others since it was opened. */
    long waitedNanos();

    /** A sum over ranks under way. */
    @FunctionalInterface
    interface Pending {
        /** Orders all later work of this rank after the sum and returns where it is. Never makes the host wait on a GPU. */
        Tensor await();
    }

    /**
     * The rows that one rank sees to: all rows cut into ranges as even as can be.
     *
     * @param from the first
     * @param count how many
     */
    record RowShare(int from, int count) {
        public static RowShare of(int rows, int rank, int ranks) {
            int from = (int) ((long) rows * rank / ranks);
            return new RowShare(from, (int) ((long) rows * (rank + 1) / ranks) - from);
        }

        /** The rank whose share row {@code row} is in. */
        public static int ownerOf(int row, int rows, int ranks) {
            return (int) (((row + 1L) * ranks + rows - 1) / rows) - 1;
        }

        /** The most rows that any rank gets. */
        public static int largest(int rows, int ranks) {
            return (rows + ranks - 1) / ranks;
        }
    }

    /** Another rank failed while this one waited for it: an echo, not a cause. */
    final class PeerFailedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public PeerFailedException() {
            super("another rank failed");
        }
    }
}
