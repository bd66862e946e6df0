package nighttrain.jobs.compare;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import nighttrain.io.table.Percentiles;
import nighttrain.jobs.compare.FinishedRound.Opened;

/**
 * A cell's rounds, or why it has none.
 *
 * @param cell which
 * @param rounds finished ones
 * @param failure why there are no (more) rounds
 */
public record CellResult(Cell cell, List<FinishedRound> rounds, Optional<Failure> failure) {
    public boolean isMeasured() {
        return !rounds.isEmpty();
    }

    /** A figure over the rounds; empty where it was not measured. */
    public Optional<Spread> spread(String figure) {
        double[] values = rounds.stream()
                .map(round -> round.figures().get(figure))
                .filter(Objects::nonNull)
                .mapToDouble(Double::doubleValue)
                .toArray();
        return values.length == 0 ? Optional.empty() : Optional.of(Spread.of(values));
    }

    /** The engine of the last round. */
    public Optional<Opened> engine() {
        return isMeasured() ? Optional.of(rounds.get(rounds.size() - 1).engine()) : Optional.empty();
    }

    /** All-reduces of one forward pass, so of one token of a sequence: none where one rank holds all. */
    public Optional<Integer> syncs() {
        return engine().map(engine -> cell.layout().ranks() == 1
                ? 0
                : engine.footprint().blockingSyncs() + engine.footprint().overlappedSyncs());
    }

    /** A figure over rounds. */
    public record Spread(double median, double min, double max) {
        private static final int DIGITS = 3;

        static Spread of(double[] values) {
            return new Spread(
                    Percentiles.median(values),
                    Arrays.stream(values).min().orElseThrow(),
                    Arrays.stream(values).max().orElseThrow());
        }

        /** These by {@code unit}, with three digits that count. */
        Spread in(double unit) {
            return new Spread(rounded(median / unit), rounded(min / unit), rounded(max / unit));
        }

        private static double rounded(double value) {
            return new BigDecimal(value).round(new MathContext(DIGITS)).doubleValue();
        }

        /** Whether every value of this lies above every value of {@code other}. */
        boolean isAbove(Spread other) {
            return min > other.max;
        }
    }
}
