package nighttrain.pipeline.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import nighttrain.executor.Engine;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.ModelFootprint;
import nighttrain.executor.Roofline;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.checkpoint.ModelConfig;

/** The engine alone: no Spark, no tokenizer, no table; random token ids in, counted tokens out. */
public final class Bench {
    private Bench() {}

    /**
     * Opens an engine, warms it up, measures.
     *
     * @param phase hears what is going on, in a few words
     * @throws nighttrain.io.UserError for a model, a layout or lengths that cannot work, before any weight is read
     */
    public static BenchReport run(BenchOptions options, Consumer<String> phase) throws InterruptedException {
        try (Checkpoint checkpoint =
                options.dummyWeights() ? Checkpoints.dummy(options.model()) : Checkpoints.open(options.model())) {
            Checkpoints.checkTensors(checkpoint);
            EnginePlan plan = Engines.plan(options.engine(), checkpoint.config());
            options.workload().checkFits(plan.maxModelLen(), checkpoint.config().maxPositions());
            Optional<Roofline> roofline = Engines.roofline(options.engine(), plan, checkpoint.config());
            phase.accept("Loading the model");
            long opening = System.nanoTime();
            try (Engine engine = Engines.open(options.engine(), checkpoint)) {
                return new BenchReport(
                        options,
                        engine.plan(),
                        ModelFootprint.of(checkpoint.config()),
                        checkpoint.fingerprint(),
                        (System.nanoTime() - opening) / 1e9,
                        roofline,
                        rounds(options, engine, checkpoint.config(), phase));
            }
        }
    }

    private static List<Round> rounds(BenchOptions options, Engine engine, ModelConfig model, Consumer<String> phase)
            throws InterruptedException {
        Workload workload = options.workload();
        RandomPrompts prompts = new RandomPrompts(model.vocabSize(), workload.seed());
        Workload warmUp =
                workload.warmUp(engine.plan().maxNumSeqs() * engine.plan().replicas());
        for (int i = 0; i < options.warmUpRounds(); i++) {
            phase.accept("Warming up");
            new RoundRunner(engine, warmUp.outputLen()).run(prompts.of(warmUp));
        }
        List<Round> rounds = new ArrayList<>();
        for (int i = 1; i <= options.rounds(); i++) {
            phase.accept("Round " + i + " of " + options.rounds());
            rounds.add(new RoundRunner(engine, workload.outputLen()).run(prompts.of(workload)));
        }
        return rounds;
    }
}
