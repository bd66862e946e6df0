package nighttrain.executor.perf;

import java.io.Serializable;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * How long an all-reduce takes, by ranks and by the bytes that each contributes: measured points, straight lines between them and
 * beyond the last. A number of ranks that was not measured has the times of the next larger one that was, else of the largest.
 */
public final class AllReduceLatency implements Serializable {
    private static final long serialVersionUID = 1L;

    private final TreeMap<Integer, TreeMap<Long, Double>> secondsByRanks = new TreeMap<>();

    /** {@code seconds}: of one all-reduce, by ranks and bytes; nothing where none was measured. */
    public AllReduceLatency(Map<Integer, ? extends Map<Long, Double>> seconds) {
        seconds.forEach((ranks, points) -> {
            if (ranks < 2 || points.size() < 2) {
                throw new IllegalArgumentException(
                        "all-reduces of " + ranks + " ranks at " + points.size() + " sizes (at least 2 of each)");
            }
            secondsByRanks.put(ranks, new TreeMap<>(points));
        });
    }

    /** No all-reduce was measured. */
    public static AllReduceLatency unknown() {
        return new AllReduceLatency(Map.of());
    }

    /** Whether all-reduces over so many ranks were measured themselves. */
    public boolean hasMeasured(int ranks) {
        return ranks == 1 || secondsByRanks.containsKey(ranks);
    }

    /** Whether any all-reduce was measured. */
    public boolean isKnown() {
        return !secondsByRanks.isEmpty();
    }

    /** Seconds of one all-reduce; 0 for one rank, and where none was measured. */
    public double seconds(int ranks, double bytes) {
        if (ranks == 1 || secondsByRanks.isEmpty()) {
            return 0;
        }
        Map.Entry<Integer, TreeMap<Long, Double>> measured = secondsByRanks.ceilingEntry(ranks);
        return at(bytes, measured == null ? secondsByRanks.lastEntry().getValue() : measured.getValue());
    }

    private static double at(double bytes, NavigableMap<Long, Double> points) {
        long size = (long) Math.ceil(bytes);
        if (size <= points.firstKey()) {
            return points.firstEntry().getValue();
        }
        Map.Entry<Long, Double> above = points.ceilingEntry(size);
        Map.Entry<Long, Double> right = above == null ? points.lastEntry() : above;
        Map.Entry<Long, Double> left = points.lowerEntry(right.getKey());
        double slope = (right.getValue() - left.getValue()) / (right.getKey() - left.getKey());
        return left.getValue() + slope * (bytes - left.getKey());
    }
}
