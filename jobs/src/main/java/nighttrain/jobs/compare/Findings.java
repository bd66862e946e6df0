package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import nighttrain.jobs.compare.CompareResult.CellResult;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;

/** States a comparison's findings in words: a reader of nothing else must not draw the wrong conclusion. */
public final class Findings {
    private final CompareResult result;
    private final String workload;
    private final List<CellResult> cells;

    private Findings(CompareResult result, String workload) {
        this.result = result;
        this.workload = workload;
        this.cells =
                result.cells(workload).stream().filter(CellResult::isMeasured).toList();
    }

    /** Returns the sentences, workload by workload. */
    public static List<String> of(CompareResult result) {
        List<String> found = new ArrayList<>();
        for (NamedWorkload workload : result.comparison().workloads()) {
            Findings findings = new Findings(result, workload.name());
            findings.architectures().ifPresent(found::add);
            found.addAll(findings.layouts());
        }
        return found;
    }

    /** Compares the fastest other model on the baseline's layout with the baseline. */
    private Optional<String> architectures() {
        CellResult base = result.baseline(workload);
        List<CellResult> rivals = on(cell -> cell.layout().equals(base.cell().layout()) && !cell.equals(base.cell()));
        Optional<CellResult> best = fastest(rivals);
        if (!base.isMeasured() || best.isEmpty()) {
            return Optional.empty();
        }
        String names = base.cell().candidate() + " on " + base.cell().layout();
        Spread mine = throughput(best.get());
        Spread theirs = throughput(base);
        if (mine.isAbove(theirs)) {
            return Optional.of(workload + ": " + best.get().cell().candidate() + " is fastest on "
                    + base.cell().layout() + ", " + ratio(best.get(), base) + " of "
                    + base.cell().candidate() + ".");
        }
        return Optional.of(workload + ": no model is shown to be faster than " + names + "; "
                + best.get().cell().candidate() + " has " + ratio(best.get(), base)
                + (theirs.isAbove(mine) ? "." : ", within the spread of the rounds."));
    }

    /** States which wins, for every number of devices on which both replicas alone and layouts of several ranks were measured. */
    private List<String> layouts() {
        return cells.stream()
                .map(cell -> cell.cell().layout().devices())
                .collect(Collectors.toCollection(TreeSet::new))
                .stream()
                .flatMap(devices -> replicasOrRanks(devices).stream())
                .toList();
    }

    private Optional<String> replicasOrRanks(int devices) {
        Optional<CellResult> replicas = fastest(
                on(cell -> cell.layout().devices() == devices && cell.layout().onlyReplicas()));
        Optional<CellResult> ranks = fastest(
                on(cell -> cell.layout().devices() == devices && cell.layout().ranks() > 1));
        if (replicas.isEmpty() || ranks.isEmpty()) {
            return Optional.empty();
        }
        Spread alone = throughput(replicas.get());
        Spread together = throughput(ranks.get());
        String who = name(replicas.get());
        String other = name(ranks.get());
        if (alone.isAbove(together)) {
            return Optional.of(
                    workload + ": replicas win. " + who + " makes " + ratio(replicas.get(), ranks.get()) + " of "
                            + other + ", the fastest of all models on several ranks. Where one device holds the model,"
                            + " copies that need no communication beat every architecture.");
        }
        if (together.isAbove(alone)) {
            return Optional.of(workload + ": ranks win. " + other + " makes " + ratio(ranks.get(), replicas.get())
                    + " of " + who + ", the fastest of the replicas.");
        }
        return Optional.of(workload + ": replicas and ranks are level. " + who + " makes "
                + ratio(replicas.get(), ranks.get()) + " of " + other + ", within the spread of the rounds.");
    }

    private List<CellResult> on(Predicate<Cell> wanted) {
        return cells.stream().filter(cell -> wanted.test(cell.cell())).toList();
    }

    private static Optional<CellResult> fastest(List<CellResult> cells) {
        return cells.stream()
                .max(Comparator.comparingDouble(cell -> throughput(cell).median()));
    }

    private static Spread throughput(CellResult cell) {
        return cell.spread(CompareResult.THROUGHPUT).orElseThrow();
    }

    private static String name(CellResult cell) {
        return cell.cell().visit().toString();
    }

    private static String ratio(CellResult of, CellResult to) {
        return String.format(
                Locale.ROOT, "%.2f", throughput(of).median() / throughput(to).median());
    }
}
