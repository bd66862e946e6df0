package nighttrain.executor.device;

/** Where ranks meet. Every rank makes the same calls in the same order. */
public interface Communicator {
    int rank();

    int size();

    /**
     * {@code out[t] = scale * sum of in over all tracks of all ranks}, for every local track t. {@code out} and {@code in} are
     * different buffers, and neither may be touched until {@link Pending#await}. Peers may read {@code in} for longer: it may
     * be written again once a later sum has landed, or this one where other work ran before it was waited for.
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
}
