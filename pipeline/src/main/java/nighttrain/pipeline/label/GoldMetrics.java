package nighttrain.pipeline.label;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Measures how well the given labels agree with the gold labels. Rows that abstained have no label: they lower recall and coverage, but do
 * not count in the accuracy, which covers only the labels that were given.
 *
 * @param labels names of the labels
 * @param confusion number of rows by gold label and given label, in the order of {@code labels}
 * @param abstained number of rows by gold label that were given no label
 */
record GoldMetrics(List<String> labels, long[][] confusion, long[] abstained) {
    /** Bins of the calibration curve: tenths of confidence. */
    static final int BINS = 10;

    /**
     * A label's own figures.
     *
     * @param label name of the label
     * @param support rows whose gold label it is
     * @param predicted rows that were given it
     * @param precision share of the predicted rows that are right; NaN where there are none
     * @param recall share of the support rows that were given it; NaN where there are none
     * @param f1 harmonic mean of both: 0 where no row is right; NaN where the label occurs nowhere
     */
    record OfLabel(String label, long support, long predicted, double precision, double recall, double f1) {}

    /**
     * Rows whose confidence lies in one tenth.
     *
     * @param rows number of rows
     * @param confidence mean confidence
     * @param accuracy share of the rows that are right
     */
    record Bin(long rows, double confidence, double accuracy) {}

    /** Returns the number of rows that were given a label. */
    long answered() {
        return java.util.Arrays.stream(confusion).flatMapToLong(LongStream::of).sum();
    }

    /** Returns the share of the rows that were given a label. */
    double coverage() {
        long all = answered() + LongStream.of(abstained).sum();
        return (double) answered() / all;
    }

    /** Returns the share of the given labels that are right; NaN where none was given. */
    double accuracy() {
        long right = IntStream.range(0, labels.size())
                .mapToLong(i -> confusion[i][i])
                .sum();
        return (double) right / answered();
    }

    /** Returns every label's own figures. */
    List<OfLabel> perLabel() {
        List<OfLabel> figures = new ArrayList<>();
        for (int i = 0; i < labels.size(); i++) {
            int label = i;
            long right = confusion[i][i];
            long support = LongStream.of(confusion[i]).sum() + abstained[i];
            long predicted = java.util.Arrays.stream(confusion)
                    .mapToLong(row -> row[label])
                    .sum();
            figures.add(new OfLabel(
                    labels.get(i),
                    support,
                    predicted,
                    (double) right / predicted,
                    (double) right / support,
                    2.0 * right / (support + predicted)));
        }
        return figures;
    }

    /** Returns the mean F1 of the labels that occur as gold or given labels. */
    double macroF1() {
        return perLabel().stream()
                .mapToDouble(OfLabel::f1)
                .filter(f1 -> !Double.isNaN(f1))
                .average()
                .orElse(Double.NaN);
    }

    /** Returns the expected calibration error: the mean distance between confidence and accuracy over rows; NaN without rows. */
    static double ece(List<Bin> bins) {
        long rows = bins.stream().mapToLong(Bin::rows).sum();
        return bins.stream()
                        .filter(bin -> bin.rows() > 0)
                        .mapToDouble(bin -> bin.rows() * Math.abs(bin.confidence() - bin.accuracy()))
                        .sum()
                / rows;
    }
}
