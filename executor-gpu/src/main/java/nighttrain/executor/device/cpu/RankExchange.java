package nighttrain.executor.device.cpu;

/** What the ranks of one replica share: a place for each one's tensor, a common result, and the barrier between them. */
final class RankExchange {
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

    /** Shows {@code tensor} to all ranks and waits until every one has shown its own; rank 0 sees to room for the result. */
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
}
