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
 * The result of a comparison.
 *
 * @param comparison what was compared
 * @param machine machine that measured it
 * @param rounds every finished round, in the order in which they were measured
 * @param failures cells without figures, and why
 */
public record CompareResult(
        Comparison comparison, String machine, List<FinishedRound> rounds, Map<Cell, Failure> failures) {
    /** The figure that ratios are computed from. */
    public static final String THROUGHPUT = "output_tokens_per_s";

    public CompareResult {
        rounds = List.copyOf(rounds);
        failures = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(failures));
    }

    /** Returns every cell except bounds, by workload, then layout, then candidate. */
    public List<CellResult> cells() {
        return comparison.workloads().stream()
                .flatMap(workload -> cells(workload.name()).stream())
                .toList();
    }

    /** Returns the cells of one workload, bounds excepted. */
    public List<CellResult> cells(String workload) {
        return comparison.visits().stream()
                .filter(visit -> !visit.bound())
                .map(visit -> cell(new Cell(visit, workload)))
                .toList();
    }

    /** Returns the measurements of one cell. */
    public CellResult cell(Cell cell) {
        return new CellResult(
                cell,
                rounds.stream().filter(round -> round.cell().equals(cell)).toList(),
                Optional.ofNullable(failures.get(cell)));
    }

    /** Returns the baseline (1.0) of a workload. */
    public CellResult baseline(String workload) {
        return cell(comparison.baseline(workload));
    }

    /** Returns a cell's throughput divided by that of the baseline; empty where either was not measured. */
    public Optional<Double> ofBaseline(CellResult cell) {
        return ratio(cell, baseline(cell.cell().workload()));
    }

    /** Returns a cell's throughput divided by its own throughput without all-reduces, 0 to about 1; empty where either was not measured. */
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
     * The rounds of a cell, or why it has none.
     *
     * @param cell the cell
     * @param rounds finished rounds
     * @param failure why there are no (more) rounds
     */
    public record CellResult(Cell cell, List<FinishedRound> rounds, Optional<Failure> failure) {
        public boolean isMeasured() {
            return !rounds.isEmpty();
        }

        /** Returns a figure over the rounds; empty where it was not measured. */
        public Optional<Spread> spread(String figure) {
            double[] values = rounds.stream()
                    .map(round -> round.figures().get(figure))
                    .filter(Objects::nonNull)
                    .mapToDouble(Double::doubleValue)
                    .toArray();
            return values.length == 0 ? Optional.empty() : Optional.of(Spread.of(values));
        }

        /** Returns the engine of the last round. */
        public Optional<Opened> engine() {
            return isMeasured() ? Optional.of(rounds.get(rounds.size() - 1).engine()) : Optional.empty();
        }

        /** Number of all-reduces in one forward pass, so for one token of a sequence: 0 where one rank holds the whole model. */
        public Optional<Integer> syncs() {
            return engine().map(engine -> cell.layout().ranks() == 1
                    ? 0
                    : engine.footprint().blockingSyncs() + engine.footprint().overlappedSyncs());
        }

        /** Median and range of a figure over rounds. */
        public record Spread(double median, double min, double max) {
            private static final int DIGITS = 3;

            static Spread of(double[] values) {
                return new Spread(
                        Percentiles.median(values),
                        Arrays.stream(values).min().orElseThrow(),
                        Arrays.stream(values).max().orElseThrow());
            }

            /** Returns the values divided by {@code unit}, with three significant digits. */
            Spread in(double unit) {
                return new Spread(rounded(median / unit), rounded(min / unit), rounded(max / unit));
            }

            private static double rounded(double value) {
                return new BigDecimal(value).round(new MathContext(DIGITS)).doubleValue();
            }

            /** Whether every value lies above every value of {@code other}. */
            boolean isAbove(Spread other) {
                return min > other.max;
            }
        }
    }

    /**
     * Why a cell has no figures.
     *
     * @param why the reason in one line
     * @param refused whether the cell can never work (it does not fit, the layout does not divide the model); otherwise something broke
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
