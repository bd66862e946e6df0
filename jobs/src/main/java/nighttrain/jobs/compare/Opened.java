package nighttrain.jobs.compare;

import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.jobs.bench.LoneEngine;

/**
 * The engine that ran a round.
 *
 * @param modelFingerprint names the model's content
 * @param footprint what the model weighs and how often its ranks meet
 * @param plan what the engine settled on
 * @param openS time to open it, in seconds; part of no figure
 */
public record Opened(String modelFingerprint, ModelFootprint footprint, EnginePlan plan, double openS) {
    static Opened of(LoneEngine engine) {
        return new Opened(engine.modelFingerprint(), engine.footprint(), engine.plan(), engine.openS());
    }
}
