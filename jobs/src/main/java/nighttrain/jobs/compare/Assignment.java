package nighttrain.jobs.compare;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.bench.Workload.RandomPrompts;
import nighttrain.jobs.compare.Cell.Visit;

/**
 * The work of one engine in one round; it is sent to the machine of the engine.
 *
 * @param round round, from 1
 * @param visit the engine: model and layout
 * @param model checkpoint directory of the model
 * @param dummyWeights random weights instead of the checkpoint's
 * @param engine settings of the engine
 * @param warmUpRounds short rounds before each measured one
 * @param vocabulary token ids of random prompts are below this
 * @param seed seed of random prompts
 * @param workloads all workloads of the comparison
 * @param missing the workloads that this round still has to measure
 */
record Assignment(
        int round,
        Visit visit,
        String model,
        boolean dummyWeights,
        EngineConfig engine,
        int warmUpRounds,
        int vocabulary,
        long seed,
        List<NamedWorkload> workloads,
        List<NamedWorkload> missing)
        implements Serializable {
    public Assignment {
        workloads = List.copyOf(workloads);
        missing = List.copyOf(missing);
    }

    /** Returns the same assignment with other engine settings. */
    Assignment with(EngineConfig other) {
        return new Assignment(
                round, visit, model, dummyWeights, other, warmUpRounds, vocabulary, seed, workloads, missing);
    }

    /** Returns the prompts of every workload, missing or not, so that each engine and each round gets the same ones. */
    Map<String, List<int[]>> prompts(RandomPrompts random) {
        Map<String, List<int[]>> prompts = new LinkedHashMap<>();
        workloads.forEach(
                workload -> prompts.put(workload.name(), workload.workload().prompts(random)));
        return prompts;
    }
}
