package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import nighttrain.jobs.compare.Comparison.Choice;
import nighttrain.jobs.compare.Comparison.NamedWorkload;

/**
 * Sweeps over every engine as often as there are rounds: A B C A B C. A machine that grows slower then grows slower for all. An
 * engine holds all of its GPUs' memory, so each visit opens it, warms it up, measures one round of each load, and closes it.
 */
final class CompareRun {
    private final Comparison comparison;
    private final Choice choice;
    private final Site site;
    private final int vocabulary;
    private final List<FinishedRound> finished;
    private final Consumer<FinishedRound> journal;
    private final CompareListener listener;
    private final Map<Cell, Failure> failures = new LinkedHashMap<>();
    private int done;

    CompareRun(
            Comparison comparison,
            Choice choice,
            Site site,
            int vocabulary,
            List<FinishedRound> earlier,
            Consumer<FinishedRound> journal,
            CompareListener listener) {
        this.comparison = comparison;
        this.choice = choice;
        this.site = site;
        this.vocabulary = vocabulary;
        this.finished = new ArrayList<>(earlier);
        this.journal = journal;
        this.listener = listener;
    }

    void measure() throws InterruptedException {
        for (int round = 1; round <= comparison.rounds(); round++) {
            for (Visit visit : comparison.visits()) {
                List<NamedWorkload> missing = choice.has(visit) ? missing(round, visit) : List.of();
                if (!missing.isEmpty()) {
                    site.measure(comparison.assignment(round, visit, missing, vocabulary), new Visitor(round, visit));
                }
            }
        }
    }

    CompareResult result(String machine) {
        return new CompareResult(comparison, machine, finished, failures);
    }

    private List<NamedWorkload> missing(int round, Visit visit) {
        return comparison.loads().stream()
                .filter(choice::has)
                .filter(load -> !failures.containsKey(new Cell(visit, load.name())))
                .filter(load -> !isFinished(round, new Cell(visit, load.name())))
                .toList();
    }

    private boolean isFinished(int round, Cell cell) {
        return finished.stream()
                .anyMatch(ended -> ended.round() == round && ended.cell().equals(cell));
    }

    /** What this run still has to measure. */
    private int left() {
        return IntStream.rangeClosed(1, comparison.rounds())
                .map(round -> comparison.visits().stream()
                        .filter(choice::has)
                        .mapToInt(visit -> missing(round, visit).size())
                        .sum())
                .sum();
    }

    /** Writes down what comes of one visit. */
    private final class Visitor implements Site.Witness {
        private final int round;
        private final Visit visit;

        Visitor(int round, Visit visit) {
            this.round = round;
            this.visit = visit;
        }

        @Override
        public void phase(String what) {
            listener.phase("Round " + round + " of " + comparison.rounds() + ": " + what);
        }

        @Override
        public void measured(FinishedRound ended) {
            journal.accept(ended);
            finished.add(ended);
            done++;
            listener.measured(ended, done, done + left());
        }

        @Override
        public void failed(List<String> loads, Failure failure) {
            loads.forEach(load -> failures.put(new Cell(visit, load), failure));
            listener.failed(visit + ", " + String.join(" and ", loads), failure.why());
        }
    }
}
