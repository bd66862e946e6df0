package nighttrain.pipeline.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.pipeline.bench.Load;
import nighttrain.pipeline.bench.LoneEngine;
import nighttrain.pipeline.bench.RandomPrompts;
import nighttrain.pipeline.bench.Round;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sweeps over every engine as often as there are rounds: A B C A B C. A machine that grows slower then grows slower for all. An
 * engine holds all of its GPUs' memory, so each visit opens it, warms it up, measures one round of each load, and closes it.
 */
final class CompareRun {
    private static final Logger LOG = LoggerFactory.getLogger(CompareRun.class);

    private final Comparison comparison;
    private final Choice choice;
    private final List<FinishedRound> finished;
    private final Consumer<FinishedRound> journal;
    private final int vocabulary;
    private final CompareListener listener;
    private final Map<Cell, Failure> failures = new LinkedHashMap<>();
    private int done;

    CompareRun(
            Comparison comparison,
            Choice choice,
            List<FinishedRound> earlier,
            Consumer<FinishedRound> journal,
            int vocabulary,
            CompareListener listener) {
        this.comparison = comparison;
        this.choice = choice;
        this.finished = new ArrayList<>(earlier);
        this.journal = journal;
        this.vocabulary = vocabulary;
        this.listener = listener;
    }

    void measure() throws InterruptedException {
        for (int round = 1; round <= comparison.rounds(); round++) {
            for (Visit visit : comparison.visits()) {
                if (choice.has(visit)) {
                    visit(round, visit, missing(round, visit));
                }
            }
        }
    }

    CompareResult result(String machine) {
        return new CompareResult(comparison, machine, finished, failures);
    }

    private List<NamedLoad> missing(int round, Visit visit) {
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

    /** Measures one round of each of {@code loads}; a load that breaks the engine costs the others another opening. */
    private void visit(int round, Visit visit, List<NamedLoad> loads) throws InterruptedException {
        int next = 0;
        while (next < loads.size()) {
            listener.phase("Round " + round + " of " + comparison.rounds() + ": opening " + visit);
            try (LoneEngine engine = open(visit)) {
                next += measure(round, visit, engine, loads.subList(next, loads.size()));
            } catch (UserError refused) {
                fail(visit, loads.subList(next, loads.size()), new Failure(refused.getMessage(), true), refused);
                return;
            } catch (RuntimeException | LinkageError broken) {
                fail(visit, loads.subList(next, loads.size()), fault(broken), broken);
                return;
            }
        }
    }

    private LoneEngine open(Visit visit) {
        return LoneEngine.open(
                comparison.contender(visit.contender()).model(),
                comparison.dummyWeights(),
                comparison.engine(visit),
                List.of());
    }

    /** How many of {@code loads} are done with: all, or those up to the one at which the engine broke. */
    private int measure(int round, Visit visit, LoneEngine engine, List<NamedLoad> loads) throws InterruptedException {
        RandomPrompts random = new RandomPrompts(vocabulary, comparison.seed());
        // Those of every load of the comparison, whatever is missing: each engine and each round is asked the same.
        Map<String, List<int[]>> prompts = new LinkedHashMap<>();
        comparison.loads().forEach(load -> prompts.put(load.name(), load.load().prompts(random)));
        for (int i = 0; i < loads.size(); i++) {
            Cell cell = new Cell(visit, loads.get(i).name());
            try {
                measure(round, cell, engine, loads.get(i).load(), prompts.get(cell.load()), random);
            } catch (UserError refused) {
                fail(cell.visit(), List.of(loads.get(i)), new Failure(refused.getMessage(), true), refused);
            } catch (RuntimeException broken) {
                fail(cell.visit(), List.of(loads.get(i)), fault(broken), broken);
                return i + 1;
            }
        }
        return loads.size();
    }

    private void measure(int round, Cell cell, LoneEngine engine, Load load, List<int[]> prompts, RandomPrompts random)
            throws InterruptedException {
        engine.checkFits(load);
        for (int i = 0; i < comparison.warmUpRounds(); i++) {
            listener.phase("Round " + round + " of " + comparison.rounds() + ": warming up " + cell);
            engine.warmUp(load, random);
        }
        listener.phase("Round " + round + " of " + comparison.rounds() + ": " + cell);
        Round measured = engine.run(load, prompts);
        FinishedRound ended = new FinishedRound(
                cell, round, System.currentTimeMillis(), Opened.of(engine), measured, engine.figures(measured, load));
        journal.accept(ended);
        finished.add(ended);
        done++;
        listener.measured(ended, done, done + left());
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

    private void fail(Visit visit, List<NamedLoad> loads, Failure failure, Throwable cause) {
        loads.forEach(load -> failures.put(new Cell(visit, load.name()), failure));
        String what = visit + ", " + loads.stream().map(NamedLoad::name).collect(Collectors.joining(" and "));
        LOG.warn("{} has no figures", what, cause);
        listener.failed(what, failure.why());
    }

    private static Failure fault(Throwable broken) {
        String message = String.valueOf(broken.getMessage()).lines().findFirst().orElse("");
        return new Failure(broken.getClass().getSimpleName() + ": " + message.strip(), false);
    }
}
