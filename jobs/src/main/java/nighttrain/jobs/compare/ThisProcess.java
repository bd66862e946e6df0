package nighttrain.jobs.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.Engines;
import nighttrain.io.UserError;
import nighttrain.jobs.bench.LoneEngine;
import nighttrain.jobs.bench.Round;
import nighttrain.jobs.bench.Workload.RandomPrompts;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.FinishedRound.Opened;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs engines in this process. An engine that a workload breaks is reopened for the workloads after it. */
public final class ThisProcess implements Site {
    private static final Logger LOG = LoggerFactory.getLogger(ThisProcess.class);

    @Override
    public String machine(EngineConfig config) {
        return Engines.machine(config);
    }

    @Override
    public void measure(Assignment assignment, Witness witness) throws InterruptedException {
        List<NamedWorkload> left = assignment.missing();
        while (!left.isEmpty()) {
            witness.phase("opening " + assignment.visit());
            if (Thread.interrupted()) {
                throw new InterruptedException("stopped before an engine was opened");
            }
            try (LoneEngine engine = Undisturbed.call(() -> LoneEngine.open(
                    Path.of(assignment.model()), assignment.dummyWeights(), assignment.engine(), List.of()))) {
                RandomPrompts random = new RandomPrompts(assignment.vocabulary(), assignment.seed());
                Opening opening = new Opening(assignment, engine, random, assignment.prompts(random), witness);
                left = left.subList(opening.measure(left), left.size());
            } catch (RuntimeException | LinkageError fault) {
                fail(assignment.visit(), left, fault, witness);
                return;
            }
        }
    }

    /** An open engine and its assignment. */
    private record Opening(
            Assignment assignment,
            LoneEngine engine,
            RandomPrompts random,
            Map<String, List<int[]>> prompts,
            Witness witness) {
        /** Returns how many of {@code workloads} are done: all, or those up to the one that broke the engine. */
        int measure(List<NamedWorkload> workloads) throws InterruptedException {
            for (int i = 0; i < workloads.size(); i++) {
                List<NamedWorkload> one = workloads.subList(i, i + 1);
                try {
                    witness.measured(round(workloads.get(i)));
                } catch (UserError refused) {
                    fail(assignment.visit(), one, refused, witness);
                } catch (RuntimeException broken) {
                    fail(assignment.visit(), one, broken, witness);
                    return i + 1;
                }
            }
            return workloads.size();
        }

        private FinishedRound round(NamedWorkload named) throws InterruptedException {
            Cell cell = new Cell(assignment.visit(), named.name());
            engine.checkFits(named.workload());
            for (int i = 0; i < assignment.warmUpRounds(); i++) {
                witness.phase("warming up " + cell);
                engine.warmUp(named.workload(), random);
            }
            witness.phase(cell.toString());
            Round measured = engine.run(named.workload(), prompts.get(named.name()));
            return new FinishedRound(
                    cell,
                    assignment.round(),
                    System.currentTimeMillis(),
                    Opened.of(engine),
                    measured,
                    engine.figures(measured, named.workload()));
        }
    }

    private static void fail(Visit visit, List<NamedWorkload> workloads, Throwable fault, Witness witness) {
        List<String> names = workloads.stream().map(NamedWorkload::name).toList();
        LOG.warn("{} has no figures under {}", visit, names, fault);
        witness.failed(names, Failure.of(fault));
    }
}
