package nighttrain.pipeline.write;

import java.util.ArrayList;
import java.util.List;

/**
 * The distribution of values: their thousandths and their number. Counts computed from it are exact for some hundred values, and within a
 * thousandth of all values beyond that.
 *
 * @param thousandths in ascending order: the smallest value, then the quantile at each thousandth, 1/1000 to 1000/1000
 * @param count number of values, at least 1
 */
public record Distribution(List<Double> thousandths, long count) {
    /** Number of quantiles besides the smallest value. */
    static final int PARTS = 1000;

    public Distribution {
        thousandths = List.copyOf(thousandths);
        if (thousandths.size() != PARTS + 1 || count < 1) {
            throw new IllegalArgumentException("thousandths: " + thousandths.size() + " of " + count + " values ("
                    + (PARTS + 1) + ", of at least 1)");
        }
    }

    /** Returns the smallest value. */
    public double min() {
        return thousandths.get(0);
    }

    /** Returns the largest value. */
    public double max() {
        return thousandths.get(PARTS);
    }

    /** Returns the quantile at a share of all values, 0 to 1. */
    public double quantile(double share) {
        return thousandths.get((int) Math.round(share * PARTS));
    }

    /** Counts the values between ascending edges, the upper one excluded; the last bin also has the values above its upper edge. */
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
