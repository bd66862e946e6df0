package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Draw;

/** What one forward pass computes: a slice of every sequence in it. */
public record Step(List<Slice> slices) {
    /**
     * Tokens {@code start .. start + count - 1} of a sequence; where they reach its end, a token is drawn.
     *
     * @param draws whether a token is drawn after them
     */
    public record Slice(Sequence sequence, int start, int count, boolean draws) {}

    public boolean isEmpty() {
        return slices.isEmpty();
    }

    /** The step as the device reads it. */
    public Batch toBatch() {
        int size = slices.stream().mapToInt(Slice::count).sum();
        int[] tokens = new int[size];
        int[] positions = new int[size];
        int[] queryStarts = new int[slices.size() + 1];
        int[][] pageTables = new int[slices.size()][];
        List<Draw> draws = new ArrayList<>();
        int[] outputRows = new int[(int) slices.stream().filter(Slice::draws).count()];
        int row = 0;
        for (int s = 0; s < slices.size(); s++) {
            Slice slice = slices.get(s);
            System.arraycopy(slice.sequence().tokens(), slice.start(), tokens, row, slice.count());
            for (int i = 0; i < slice.count(); i++) {
                positions[row + i] = slice.start() + i;
            }
            row += slice.count();
            queryStarts[s + 1] = row;
            pageTables[s] = slice.sequence().pageTable().array();
            if (slice.draws()) {
                outputRows[draws.size()] = row - 1;
                draws.add(slice.sequence().draw());
            }
        }
        return new Batch(tokens, positions, queryStarts, pageTables, outputRows, draws);
    }
}
