package nighttrain.executor.device;

/**
 * The rows that one rank sees to: all rows cut into ranges as even as can be.
 *
 * @param from the first
 * @param count how many
 */
public record RowShare(int from, int count) {
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
