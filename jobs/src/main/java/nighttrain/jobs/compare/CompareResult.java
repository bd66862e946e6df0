package nighttrain.jobs.compare;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.table.Percentiles;
import nighttrain.jobs.compare.FinishedRound.Opened;

/**
 * What a comparison came to.
 *
 * @param comparison what was compared
 * @param machine where
 * @param rounds every finished one, in the order in which they were measured
 * @param failures cells without figures, and why
 */
public record CompareResult(
        Comparison comparison, String machine, List<FinishedRound> rounds, Map<Cell, Failure> failures) {
    /** The figure that ratios are made of. */
    public static final String THROUGHPUT = "output_tokens_per_s";

    public CompareResult {
        rounds = List.copyOf(rounds);
        failures = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(failures));
    }

    /** Every cell of the comparison but bounds, by workload, then layout, then candidate. */
    public List<CellResult> cells() {
        return comparison.workloads().stream()
                .flatMap(workload -> cells(workload.name()).stream())
                .toList();
    }

    /** Those of one workload. */
    public List<CellResult> cells(String workload) {
        return comparison.visits().stream()
                .filter(visit -> !visit.bound())
                .map(visit -> cell(new Cell(visit, workload)))
                .toList();
    }

    /** What was measured of one cell. */
    public CellResult cell(Cell cell) {
        return new CellResult(
                cell,
                rounds.stream().filter(round -> round.cell().equals(cell)).toList(),
                Optional.ofNullable(failures.get(cell)));
    }

    /** That of 1.0 under a workload. */
    public CellResult baseline(String workload) {
        return cell(comparison.baseline(workload));
    }

    /** A cell's throughput by that of 1.0; empty where either was not measured. */
    public Optional<Double> ofBaseline(CellResult cell) {
        return ratio(cell, baseline(cell.cell().workload()));
    }

    /** A cell's throughput by that of itself without all-reduces, 0 to about 1; empty where there are none or no such rounds. */
    public Optional<Double> ofBound(CellResult cell) {
        return ratio(cell, cell(cell.cell().bound()));
    }

    private static Optional<Double> ratio(CellResult of, CellResult to) {
        return of.spread(THROUGHPUT)
                .flatMap(mine -> to.spread(THROUGHPUT).map(theirs -> mine.median() / theirs.median()));
    }

    /** Whether something broke, or nothing could be measured at all. */
    public boolean isBroken() {
        return rounds.isEmpty() || failures.values().stream().anyMatch(failure -> !failure.refused());
    }

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

    /**
     * Why a cell has no figures.
     *
     * @param why in one line
     * @param refused whether it can never work (it does not fit, the layout does not divide the model); else something broke
     */
    public record Failure(String why, boolean refused) implements Serializable {
        static Failure of(Throwable fault) {
            if (fault instanceof UserError) {
                return new Failure(fault.getMessage(), true);
            }
            String message =
                    String.valueOf(fault.getMessage()).lines().findFirst().orElse("");
            return new Failure(fault.getClass().getSimpleName() + ": " + message.strip(), false);
        }
    }
}
