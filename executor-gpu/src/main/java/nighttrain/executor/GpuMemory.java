package nighttrain.executor;

import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.cache.CacheBudget;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec;

/**
 * The memory of one of several equal GPUs, and the parts of it that one rank takes.
 *
 * @param budgetBytes bytes that the engine may fill
 * @param weightBytes bytes of the rank's share of the weights
 * @param activationBytes bytes of the activations of the largest step
 * @param usefulCacheBytes bytes of the rank's share of the smallest useful cache: the states of a full batch, and keys and values of some tokens of
 *     each sequence
 */
public record GpuMemory(long budgetBytes, long weightBytes, long activationBytes, long usefulCacheBytes) {
    /** Memory for libraries, kernels, captured graphs, the attention's partial results and the routing of experts. */
    public static final long RESERVE_BYTES = 2L << 30;

    /** A layout fits if every sequence of a full batch finds room for this many tokens. */
    private static final int USEFUL_TOKENS = 256;

    /**
     * Returns the memory of one of {@code ranks} ranks that share a model.
     *
     * @param maxTokens most tokens in a step
     * @param maxSamples most samples in a step
     * @param sequences the fewest sequences in a step that are allowed
     * @throws UserError if the model cannot be cut into so many ranks
     */
    static GpuMemory of(ModelSpec model, int ranks, int maxTokens, int maxSamples, int sequences, long budget) {
        ModelBlocks.checkRanks(model, ranks);
        long usefulPerSequence =
                USEFUL_TOKENS * CacheSpec.bytesPerToken(model, 1, Bfloat16.BYTES) + model.stateBytesPerSequence();
        return new GpuMemory(
                budget,
                ModelFootprint.gpuBytesPerRank(model, ranks),
                ModelBlocks.of(model, 0, ranks).bufferBytes(maxTokens, maxSamples),
                sequences * usefulPerSequence / ranks);
    }

    /** Returns the bytes left for the cache. */
    public long cacheBytes() {
        return Math.max(0, budgetBytes - weightBytes - activationBytes - RESERVE_BYTES);
    }

    /** Returns the bytes that the layout needs to fit. */
    public long neededBytes() {
        return weightBytes + activationBytes + RESERVE_BYTES + usefulCacheBytes;
    }

    /** Returns the bytes of one GPU that an engine of {@code plan} fills. */
    public long usedBytes(EnginePlan plan) {
        return weightBytes + activationBytes + RESERVE_BYTES + plan.cache().bytes() / plan.ranks();
    }

    /** Returns whether the cache is at least as large as the smallest useful one. */
    public boolean isUseful() {
        return cacheBytes() >= usefulCacheBytes;
    }

    /** Returns the layout of one replica's cache for at most {@code maxNumSeqs} running sequences. */
    CacheLayout cut(EngineConfig config, ModelSpec model, int ranks, int maxNumSeqs, int maxTokens, int maxModelLen) {
        CacheLayout cache = CacheLayout.of(
                        CacheSpec.of(model, ranks, Bfloat16.BYTES, maxModelLen),
                        config.kv().pageTokens(),
                        config.kv().pages(),
                        maxNumSeqs)
                .withSnapshots(config.kv().prefixCache() ? CacheLayout.ENOUGH_SNAPSHOTS : 0);
        return config.kv().pages() > 0
                ? cache
                : new CacheBudget(
                                cacheBytes() * ranks,
                                maxNumSeqs,
                                maxTokens,
                                maxModelLen,
                                config.lengths().sequenceTokens(maxModelLen))
                        .cut(cache);
    }
}
