package nighttrain.executor.device;

/** Where ranks meet. Every rank makes the same calls in the same order. */
public interface Communicator {
    int rank();

    int size();

    /**
     * {@code out[t] = scale * sum of in over all tracks of all ranks}, for every local track t; {@code out} may be {@code in}.
     * Neither may be touched until {@link Pending#await}.
     *
     * @param out {@code [localTracks, tokens, cols]}
     * @param in {@code [localTracks, tokens, cols]}
     */
    Pending allReduce(Tensor out, Tensor in, float scale);

    /** {@link #allReduce(Tensor, Tensor, float)} in place, unscaled. */
    default Pending allReduce(Tensor inOut) {
        return allReduce(inOut, inOut, 1f);
    }

    /**
     * Rank 0's {@code whole} gets every rank's {@code part} side by side; elsewhere {@code whole} is left alone.
     *
     * @param whole {@code [1, rows, sum of part cols]}
     * @param part {@code [1, rows, cols]}; cols may differ between ranks
     */
    void gatherColumns(Tensor whole, Tensor part);

    /** Nanoseconds this rank has waited for the others since it was opened. */
    long waitedNanos();
}
