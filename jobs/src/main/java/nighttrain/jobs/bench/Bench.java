package nighttrain.jobs.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** One engine on one load: random token ids in, counted tokens out. */
public final class Bench {
    private Bench() {}

    /**
     * Opens an engine, warms it up, measures.
     *
     * @param phase hears what is going on, in a few words
     * @throws nighttrain.io.UserError for a model, a layout or lengths that cannot work, before any weight is read
     */
    public static BenchReport run(BenchOptions options, Consumer<String> phase) throws InterruptedException {
        phase.accept("Loading the model");
        try (LoneEngine engine = LoneEngine.open(
                options.model(), options.dummyWeights(), options.engine(), List.of(options.workload()))) {
            return new BenchReport(
                    options,
                    engine.plan(),
                    engine.footprint(),
                    engine.modelFingerprint(),
                    engine.openS(),
                    engine.roofline(),
                    rounds(options, engine, phase));
        }
    }

    private static List<Round> rounds(BenchOptions options, LoneEngine engine, Consumer<String> phase)
            throws InterruptedException {
        RandomWorkload workload = options.workload();
        RandomPrompts prompts = new RandomPrompts(engine.vocabulary(), workload.seed());
        for (int i = 0; i < options.warmUpRounds(); i++) {
            phase.accept("Warming up");
            engine.warmUp(workload, prompts);
        }
        List<Round> rounds = new ArrayList<>();
        for (int i = 1; i <= options.rounds(); i++) {
            phase.accept("Round " + i + " of " + options.rounds());
            rounds.add(engine.run(workload, prompts.of(workload)));
        }
        return rounds;
    }
}
