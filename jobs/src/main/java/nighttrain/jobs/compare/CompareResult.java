package nighttrain.jobs.compare;

import java.util.List;
import java.util.Map;
import java.util.Optional;

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

    /** Every cell of the comparison but bounds, by load, then layout, then contender. */
    public List<CellResult> cells() {
        return comparison.loads().stream()
                .flatMap(load -> cells(load.name()).stream())
                .toList();
    }

    /** Those of one load. */
    public List<CellResult> cells(String load) {
        return comparison.visits().stream()
                .filter(visit -> !visit.bound())
                .map(visit -> cell(new Cell(visit, load)))
                .toList();
    }

    /** What was measured of one cell. */
    public CellResult cell(Cell cell) {
        return new CellResult(
                cell,
                rounds.stream().filter(round -> round.cell().equals(cell)).toList(),
                Optional.ofNullable(failures.get(cell)));
    }

    /** That of 1.0 under a load. */
    public CellResult baseline(String load) {
        return cell(comparison.baseline(load));
    }

    /** A cell's throughput by that of 1.0; empty where either was not measured. */
    public Optional<Double> ofBaseline(CellResult cell) {
        return ratio(cell, baseline(cell.cell().load()));
    }

    /** A cell's throughput by that of itself without sums, 0 to about 1; empty where there are no sums or no such rounds. */
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
}
