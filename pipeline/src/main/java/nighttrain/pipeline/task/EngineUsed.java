package nighttrain.pipeline.task;

import java.io.Serializable;
import nighttrain.executor.Backend;
import nighttrain.executor.EnginePlan;

/**
 * An engine that ran a part of the job.
 *
 * @param executor where
 * @param layout replicas x ranks
 * @param gpus how many it drives; 0 on CPUs
 */
public record EngineUsed(String executor, String layout, int gpus) implements Serializable {
    static EngineUsed of(String executor, EnginePlan plan) {
        return new EngineUsed(
                executor, plan.layout(), plan.backend() == Backend.CUDA ? plan.replicas() * plan.ranks() : 0);
    }
}
