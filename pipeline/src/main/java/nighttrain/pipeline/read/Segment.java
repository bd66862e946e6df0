package nighttrain.pipeline.read;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A run of rows that lie together in one physical file and come from one input file. In a Parquet input the two are the
 * same; a staged file may hold the end of one input file and the beginning of the next.
 *
 * @param part physical file, as {@link PlacedRows#part} gives it
 * @param origin input file, as the physical rows name it
 * @param file input file, relative to the input root
 * @param rows number of rows
 * @param rowShift number to add to a physical row index to get the row's position in {@code file}
 * @param positionShift number to add to a physical row index to get the row's position in the whole input
 */
public record Segment(String part, String origin, String file, long rows, long rowShift, long positionShift)
        implements java.io.Serializable {
    /** A segment as found, before its place in the input is known. */
    record Found(String part, String origin, String file, long firstIndex, long rows) {}

    /** Places segments one after another. */
    static List<Segment> inOrder(List<Found> found) {
        List<Segment> segments = new ArrayList<>();
        Map<String, Long> rowsOfFile = new HashMap<>();
        long position = 0;
        for (Found next : found) {
            long row = rowsOfFile.getOrDefault(next.file(), 0L);
            segments.add(new Segment(
                    next.part(),
                    next.origin(),
                    next.file(),
                    next.rows(),
                    row - next.firstIndex(),
                    position - next.firstIndex()));
            rowsOfFile.put(next.file(), row + next.rows());
            position += next.rows();
        }
        return segments;
    }

    /** Returns the position of the file's row 0 in the whole input. */
    long fileStart() {
        return positionShift - rowShift;
    }
}
