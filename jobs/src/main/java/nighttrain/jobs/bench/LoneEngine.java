package nighttrain.jobs.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.executor.perf.Roofline;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.jobs.bench.Round.RoundFigures;
import nighttrain.jobs.bench.Workload.RandomPrompts;

/** An engine of its own for measured rounds: no other user, no Spark, no tokenizer, no table. */
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
     * @param workloads workloads that must fit; otherwise the engine is not opened
     * @throws nighttrain.io.UserError for a model, a layout or lengths that cannot work, before any weight is read
     */
    public static LoneEngine open(
            Path model, boolean dummyWeights, EngineConfig config, List<? extends Workload> workloads) {
        try (Checkpoint checkpoint = dummyWeights ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            Checkpoints.checkTensors(checkpoint);
            EnginePlan plan = Engines.plan(config, checkpoint.spec());
            workloads.forEach(workload ->
                    workload.checkFits(plan.maxModelLen(), checkpoint.spec().maxPositions()));
            Optional<Roofline> roofline = Engines.roofline(config, plan, checkpoint.spec());
            long opening = System.nanoTime();
            Engine engine = Engines.open(config, checkpoint);
            double openS = (System.nanoTime() - opening) / 1e9;
            ModelFootprint footprint = ModelFootprint.of(checkpoint.spec(), plan.ranks());
            return new LoneEngine(engine, checkpoint, footprint, roofline, openS);
        }
    }

    /** Sizes that the engine chose. */
    public EnginePlan plan() {
        return engine.plan();
    }

    /** Size of the model and number of its all-reduces. */
    public ModelFootprint footprint() {
        return footprint;
    }

    /** Fingerprint of the model's content. */
    public String modelFingerprint() {
        return fingerprint;
    }

    /** Size of the vocabulary, in tokens. */
    public int vocabulary() {
        return vocabulary;
    }

    /** The best that the devices could do, where that is known. */
    public Optional<Roofline> roofline() {
        return roofline;
    }

    /** Time that opening the engine took, in seconds. */
    public double openS() {
        return openS;
    }

    /**
     * Refuses a workload whose outputs this engine would cut short.
     *
     * @throws nighttrain.io.UserError saying what is too long
     */
    public void checkFits(Workload workload) {
        workload.checkFits(plan().maxModelLen(), maxPositions);
    }

    /** Runs a short round of {@code workload}, so that one-time compilation and caching happen before the clock of a round starts. */
    public void warmUp(Workload workload, RandomPrompts random) throws InterruptedException {
        int batch = plan().maxNumSeqs() * plan().replicas();
        Workload warmUp =
                workload.warmUp(workload.maxConcurrency() > 0 ? Math.min(batch, workload.maxConcurrency()) : batch);
        run(warmUp, warmUp.prompts(random));
    }

    /** Runs one round of {@code workload} with these prompts. */
    public Round run(Workload workload, List<int[]> prompts) throws InterruptedException {
        return new RoundRunner(engine, workload.outputLen(), workload.maxConcurrency()).run(prompts);
    }

    /** Returns every figure of a round that this engine ran, by name. */
    public Map<String, Double> figures(Round round, Workload workload) {
        return RoundFigures.of(round, plan(), roofline, workload.maxConcurrency());
    }

    @Override
    public void close() {
        engine.close();
    }

    /** Submits prompts as fast as the engine accepts them, until every prompt is answered. */
    static final class RoundRunner {
        private static final Duration WAIT = Duration.ofMillis(100);

        private final Engine engine;
        private final int outputLen;
        private final int maxConcurrency;
        private final SamplingParams sampling;

        /**
         * @param outputLen tokens of every output, sampled greedily; the end token does not end an output
         * @param maxConcurrency most requests in flight at once; 0: as many as the engine accepts
         */
        RoundRunner(Engine engine, int outputLen, int maxConcurrency) {
            this.engine = engine;
            this.outputLen = outputLen;
            this.maxConcurrency = maxConcurrency > 0 ? maxConcurrency : Integer.MAX_VALUE;
            this.sampling = SamplingParams.greedy(outputLen).withIgnoreEos(true);
        }

        /**
         * Runs one round; nothing else may use the engine meanwhile.
         *
         * @throws IllegalStateException where an answer failed or has another length: its time would mean nothing
         */
        Round run(List<int[]> prompts) throws InterruptedException {
            List<Generation> answers = new ArrayList<>();
            EngineStats before = engine.stats();
            long start = System.nanoTime();
            try (Engine.Session session = engine.session()) {
                int offered = 0;
                while (answers.size() < prompts.size()) {
                    while (offered < prompts.size()
                            && session.inFlight() < maxConcurrency
                            && session.offer(request(offered, prompts.get(offered)))) {
                        offered++;
                    }
                    session.poll(WAIT).ifPresent(answers::add);
                }
            }
            long wallNanos = System.nanoTime() - start;
            answers.forEach(this::check);
            return Round.of(answers, wallNanos, before, engine.stats());
        }

        private GenerationRequest request(int id, int[] prompt) {
            return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
        }

        private void check(Generation answer) {
            Optional<RequestError> error = answer.error();
            if (error.isPresent()) {
                throw new IllegalStateException(error.get().message());
            }
            if (answer.tokens().length != outputLen) {
                throw new IllegalStateException("output of another length: " + answer.tokens().length
                        + " tokens (asked for " + outputLen + ")");
            }
        }
    }
}
