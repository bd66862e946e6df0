package nighttrain.jobs.compare;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.bench.Workload.RandomPrompts;
import nighttrain.jobs.compare.Cell.Visit;

/**
 * What one engine has to do in one round; travels to where it stands.
 *
 * @param round from 1
 * @param visit which engine
 * @param model its checkpoint directory
 * @param dummyWeights random weights instead of the checkpoint's
 * @param engine what is asked of it
 * @param warmUpRounds short rounds before each measured one
 * @param vocabulary tokens that random prompts are made of
 * @param seed of random prompts
 * @param workloads all of the comparison's
 * @param missing those of them that are to be measured
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

    /** The same with another engine. */
    Assignment with(EngineConfig other) {
        return new Assignment(
                round, visit, model, dummyWeights, other, warmUpRounds, vocabulary, seed, workloads, missing);
    }

    /** Those of every workload, whatever is missing: each engine and each round is asked the same. */
    Map<String, List<int[]>> prompts(RandomPrompts random) {
        Map<String, List<int[]>> prompts = new LinkedHashMap<>();
        workloads.forEach(
                workload -> prompts.put(workload.name(), workload.workload().prompts(random)));
        return prompts;
    }
}
