package nighttrain.pipeline.write;

import java.util.ArrayList;
import java.util.List;

/**
 * How values are spread: their thousandths, and how many there are. Counts made of it are exact for some hundred values, and
 * within a thousandth of all beyond that.
 *
 * @param thousandths in growing order: the smallest value, then for each thousandth the value that so many are at most
 * @param count how many values there are, at least 1
 */
public record Distribution(List<Double> thousandths, long count) {
    /** Thousandths there are, the smallest value aside. */
    static final int PARTS = 1000;

    public Distribution {
        thousandths = List.copyOf(thousandths);
        if (thousandths.size() != PARTS + 1 || count < 1) {
            throw new IllegalArgumentException("thousandths: " + thousandths.size() + " of " + count + " values ("
                    + (PARTS + 1) + ", of at least 1)");
        }
    }

    /** The smallest value. */
    public double min() {
        return thousandths.get(0);
    }

    /** The largest value. */
    public double max() {
        return thousandths.get(PARTS);
    }

    /** The value that this share of all, 0 to 1, is at most. */
    public double quantile(double share) {
        return thousandths.get((int) Math.round(share * PARTS));
    }

    /** How many values lie between growing edges, the upper one excluded; the last bin has what is above it, too. */
    public List<Long> counts(List<Double> edges) {
        List<Long> counts = new ArrayList<>();
        long before = 0;
        for (int bin = 1; bin < edges.size(); bin++) {
            long below = bin == edges.size() - 1 ? count : below(edges.get(bin));
            counts.add(below - before);
            before = below;
        }
        return counts;
    }

    private long below(double edge) {
        long parts = thousandths.stream().skip(1).filter(value -> value < edge).count();
        return Math.round((double) count * parts / PARTS);
    }
}
