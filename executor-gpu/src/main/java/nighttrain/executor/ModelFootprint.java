package nighttrain.executor;

import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.SyncCount;
import nighttrain.io.checkpoint.ModelConfig;
import nighttrain.io.checkpoint.ParameterCount;

/**
 * What a model weighs and how often its ranks must meet, from its config alone.
 *
 * @param architecture its name and settings
 * @param parameters in all
 * @param kvElementsPerToken keys and values of one token, in elements, over all layers and ranks
 * @param blockingSyncs all-reduces of one forward pass that the next module waits for
 * @param overlappedSyncs all-reduces that travel while a module computes
 * @param syncElementsPerToken elements that one rank contributes to them for each token
 */
public record ModelFootprint(
        String architecture,
        long parameters,
        long kvElementsPerToken,
        int blockingSyncs,
        int overlappedSyncs,
        long syncElementsPerToken) {
    public static ModelFootprint of(ModelConfig model) {
        Architecture architecture = Architecture.of(model);
        SyncCount syncs = SyncCount.of(architecture, model.layers());
        return new ModelFootprint(
                architecture.label(),
                ParameterCount.of(model).total(),
                model.kvElementsPerToken(),
                syncs.blocking(),
                syncs.overlapped(),
                (long) syncs.total() * model.hiddenSize());
    }

    /**
     * Parameters that one of {@code ranks} ranks holds: the embedding whole, its share of the rest.
     *
     * @throws nighttrain.io.UserError where the model cannot be cut into so many
     */
    public static long parametersPerRank(ModelConfig model, int ranks) {
        Architecture.of(model).checkRanks(model, ranks);
        ParameterCount count = ParameterCount.of(model);
        long norms = model.hasTracks() ? count.norms() / ranks : count.norms();
        return count.embedding() + norms + (count.layers() + count.join() + count.head()) / ranks;
    }
}
