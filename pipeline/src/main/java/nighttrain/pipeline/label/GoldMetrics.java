package nighttrain.pipeline.label;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * How well labels agree with the right ones. Rows that abstained have no label: they count as missed (recall) and in the coverage, but not in
 * the accuracy, which is that of the labels that were given.
 *
 * @param labels names
 * @param confusion rows by right label and given label, in the order of {@code labels}
 * @param abstained rows by right label that were given none
 */
record GoldMetrics(List<String> labels, long[][] confusion, long[] abstained) {
    /** Bins of the calibration curve: tenths of confidence. */
    static final int BINS = 10;

    /**
     * A label's own figures.
     *
     * @param label its name
     * @param support rows whose right label it is
     * @param predicted rows that were given it
     * @param precision share of these that are right; NaN where there are none
     * @param recall share of its rows that were given it; NaN where there are none
     * @param f1 harmonic mean of both: 0 where no row is right; NaN where the label occurs nowhere
     */
    record OfLabel(String label, long support, long predicted, double precision, double recall, double f1) {}

    /**
     * Rows whose confidence lies in one tenth.
     *
     * @param rows how many
     * @param confidence their mean confidence
     * @param accuracy share that is right
     */
    record Bin(long rows, double confidence, double accuracy) {}

    /** Rows that were given a label. */
    long answered() {
        return java.util.Arrays.stream(confusion).flatMapToLong(LongStream::of).sum();
    }

    /** Share of the rows that were given a label. */
    double coverage() {
        long all = answered() + LongStream.of(abstained).sum();
        return (double) answered() / all;
    }

    /** Share of the given labels that are right; NaN where none was given. */
    double accuracy() {
        long right = IntStream.range(0, labels.size())
                .mapToLong(i -> confusion[i][i])
                .sum();
        return (double) right / answered();
    }

    /** Every label's own figures. */
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

    /** The mean F1 of the labels that occur, as right ones or as given ones. */
    double macroF1() {
        return perLabel().stream()
                .mapToDouble(OfLabel::f1)
                .filter(f1 -> !Double.isNaN(f1))
                .average()
                .orElse(Double.NaN);
    }

    /** Expected calibration error: how far confidence and accuracy lie apart, on average over rows; NaN without rows. */
    static double ece(List<Bin> bins) {
        long rows = bins.stream().mapToLong(Bin::rows).sum();
        return bins.stream()
                        .filter(bin -> bin.rows() > 0)
                        .mapToDouble(bin -> bin.rows() * Math.abs(bin.confidence() - bin.accuracy()))
                        .sum()
                / rows;
    }
}
