package nighttrain.jobs.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.executor.perf.Roofline;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;

/** An engine that nothing else uses, open for rounds: no Spark, no tokenizer, no table. */
public final class LoneEngine implements AutoCloseable {
    private final Engine engine;
    private final ModelFootprint footprint;
    private final String fingerprint;
    private final int vocabulary;
    private final int maxPositions;
    private final Optional<Roofline> roofline;
    private final double openS;

    private LoneEngine(
            Engine engine, Checkpoint checkpoint, ModelFootprint footprint, Optional<Roofline> roofline, double openS) {
        this.engine = engine;
        this.footprint = footprint;
        this.fingerprint = checkpoint.fingerprint();
        this.vocabulary = checkpoint.spec().vocabSize();
        this.maxPositions = checkpoint.spec().maxPositions();
        this.roofline = roofline;
        this.openS = openS;
    }

    /**
     * Opens an engine.
     *
     * @param model checkpoint directory
     * @param dummyWeights random weights instead of the checkpoint's
     * @param loads that must fit, or it is not opened
     * @throws nighttrain.io.UserError for a model, a layout or lengths that cannot work, before any weight is read
     */
    public static LoneEngine open(
            Path model, boolean dummyWeights, EngineConfig config, List<? extends Workload> loads) {
        try (Checkpoint checkpoint = dummyWeights ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            Checkpoints.checkTensors(checkpoint);
            EnginePlan plan = Engines.plan(config, checkpoint.spec());
            loads.forEach(
                    load -> load.checkFits(plan.maxModelLen(), checkpoint.spec().maxPositions()));
            Optional<Roofline> roofline = Engines.roofline(config, plan, checkpoint.spec());
            long opening = System.nanoTime();
            Engine engine = Engines.open(config, checkpoint);
            double openS = (System.nanoTime() - opening) / 1e9;
            return new LoneEngine(engine, checkpoint, ModelFootprint.of(checkpoint.spec()), roofline, openS);
        }
    }

    /** What the engine settled on. */
    public EnginePlan plan() {
        return engine.plan();
    }

    /** What the model weighs and how often its ranks meet. */
    public ModelFootprint footprint() {
        return footprint;
    }

    /** Names the model's content. */
    public String modelFingerprint() {
        return fingerprint;
    }

    /** Tokens that the model knows. */
    public int vocabulary() {
        return vocabulary;
    }

    /** What the devices could do at best, where that is known. */
    public Optional<Roofline> roofline() {
        return roofline;
    }

    /** Time that opening took, in seconds. */
    public double openS() {
        return openS;
    }

    /**
     * Refuses what this engine would have to cut short.
     *
     * @throws nighttrain.io.UserError saying what is too long
     */
    public void checkFits(Workload load) {
        load.checkFits(plan().maxModelLen(), maxPositions);
    }

    /** Runs what is compiled or cached once, before the clock of a round of {@code load}. */
    public void warmUp(Workload load, RandomPrompts random) throws InterruptedException {
        int batch = plan().maxNumSeqs() * plan().replicas();
        Workload warmUp = load.warmUp(load.maxConcurrency() > 0 ? Math.min(batch, load.maxConcurrency()) : batch);
        run(warmUp, warmUp.prompts(random));
    }

    /** Runs one round; {@code prompts} are some of {@code load}. */
    public Round run(Workload load, List<int[]> prompts) throws InterruptedException {
        return new RoundRunner(engine, load.outputLen(), load.maxConcurrency()).run(prompts);
    }

    /** Every figure of a round that was run here, by name. */
    public Map<String, Double> figures(Round round, Workload load) {
        return RoundFigures.of(round, plan(), roofline, load.maxConcurrency());
    }

    @Override
    public void close() {
        engine.close();
    }
}
