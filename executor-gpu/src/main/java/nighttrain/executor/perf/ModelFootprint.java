package nighttrain.executor.perf;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.DryRun.AllReduceCount;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.WeightFormat;

/**
 * A model's parameters, cache and all-reduces, derived from its config alone.
 *
 * @param architecture name and settings of the architecture
 * @param parameters number of parameters
 * @param activeParameters parameters that one token uses
 * @param kvElementsPerToken keys and values of one token, in elements, over all layers and ranks
 * @param stateBytesPerSequence bytes of a sequence's fixed states, whatever its length, over all layers and ranks
 * @param blockingSyncs all-reduces of one forward pass that the next module, or the rest of the same module, waits for
 * @param overlappedSyncs all-reduces that run while a module computes
 * @param syncBytesPerToken bytes that one rank contributes to all-reduces per token, in bf16, or in fp32 within a module
 */
public record ModelFootprint(
        String architecture,
        long parameters,
        long activeParameters,
        long kvElementsPerToken,
        long stateBytesPerSequence,
        int blockingSyncs,
        int overlappedSyncs,
        long syncBytesPerToken) {
    /** Returns the footprint on two ranks. On more ranks, further modules may need all-reduces. */
    public static ModelFootprint of(ModelSpec model) {
        return of(model, 2);
    }

    /** Returns the footprint on {@code ranks} ranks. */
    public static ModelFootprint of(ModelSpec model, int ranks) {
        Architecture architecture = Architecture.of(model);
        AllReduceCount allReduces =
                AllReduceCount.of(architecture, model.layers().size());
        List<Integer> inBlocks = ModelBlocks.of(model, 0, ranks).sumsInBlocks();
        long numbers = inBlocks.stream().mapToLong(Integer::longValue).sum();
        return new ModelFootprint(
                architecture.label(),
                model.parameterCount(),
                model.activeParameterCount(),
                model.kvElementsPerToken(),
                model.stateBytesPerSequence(),
                allReduces.blocking() + inBlocks.size(),
                allReduces.overlapped(),
                (long) allReduces.total() * model.hiddenSize() * Bfloat16.BYTES + numbers * Float.BYTES);
    }

    /**
     * Returns bytes of keys and values that one token takes on the GPU of one of {@code ranks} ranks. Beyond the number of heads, several ranks hold
     * the same head.
     */
    public static long kvBytesPerRank(ModelSpec model, int ranks) {
        return CacheSpec.bytesPerToken(model, ranks, Bfloat16.BYTES) / ranks;
    }

    /** Bytes of the weights of one of {@code ranks} ranks on a GPU. */
    public static long gpuBytesPerRank(ModelSpec model, int ranks) {
        return Bfloat16.BYTES * parametersPerRank(model, ranks)
                - ModelBlocks.of(model, 0, ranks).fp8SavedBytes();
    }

    /** Returns which matrices of one of {@code ranks} ranks are not in 8 bits although {@code fp8} asks for that, and why; none if all are. */
    public static Optional<String> notIn8Bits(ModelSpec model, int ranks) {
        return ModelBlocks.of(model.with(WeightFormat.Choice.FP8), 0, ranks).hinderedFrom8Bits();
    }

    /**
     * Returns the parameters that one of {@code ranks} ranks holds: the embedding whole, its share of the rest, and parameters that several ranks
     * hold.
     *
     * @throws nighttrain.io.UserError if the model cannot be cut into so many ranks
     */
    public static long parametersPerRank(ModelSpec model, int ranks) {
        ModelBlocks.checkRanks(model, ranks);
        Set<String> counted = new HashSet<>();
        long whole = 0;
        long shared = 0;
        for (Parameter parameter : model.parameters()) {
            for (TensorSpec tensor : parameter.tensors()) {
                long size =
                        counted.add(tensor.name()) ? tensor.size() * (tensor.isPerTrack() ? model.trackCount() : 1) : 0;
                if (parameter instanceof Table || (parameter instanceof Norm && !model.hasTracks())) {
                    whole += size;
                } else {
                    shared += size;
                }
            }
        }
        return whole + (shared + ModelBlocks.of(model, 0, ranks).copiedElements()) / ranks;
    }
}
