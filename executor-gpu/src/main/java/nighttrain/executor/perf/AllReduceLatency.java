package nighttrain.executor.perf;

import java.io.Serializable;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * How long an all-reduce takes, by ranks and by the bytes that each contributes: linear between measured points and beyond the last. A number of
 * ranks that was not measured has the times of the next larger measured number, or else of the largest.
 */
public final class AllReduceLatency implements Serializable {
    private static final long serialVersionUID = 1L;

    private final TreeMap<Integer, TreeMap<Long, Double>> secondsByRanks = new TreeMap<>();

    /** {@code seconds}: seconds of one all-reduce by ranks and bytes; empty if none was measured. */
    public AllReduceLatency(Map<Integer, ? extends Map<Long, Double>> seconds) {
        seconds.forEach((ranks, points) -> {
            if (ranks < 2 || points.size() < 2) {
                throw new IllegalArgumentException(
                        "all-reduces of " + ranks + " ranks at " + points.size() + " sizes (at least 2 of each)");
            }
            secondsByRanks.put(ranks, new TreeMap<>(points));
        });
    }

    /** Returns latencies of a machine on which no all-reduce was measured. */
    public static AllReduceLatency unknown() {
        return new AllReduceLatency(Map.of());
    }

    /** Returns whether all-reduces over exactly this many ranks were measured; always true for one rank. */
    public boolean hasMeasured(int ranks) {
        return ranks == 1 || secondsByRanks.containsKey(ranks);
    }

    /** Whether any all-reduce was measured. */
    public boolean isKnown() {
        return !secondsByRanks.isEmpty();
    }

    /** Returns seconds of one all-reduce; 0 for one rank, and if no all-reduce was measured. */
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
