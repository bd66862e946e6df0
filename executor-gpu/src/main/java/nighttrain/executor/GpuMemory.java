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
 * The memory of one GPU of several alike, and what one of {@code ranks} ranks takes of it.
 *
 * @param budgetBytes that the engine may fill
 * @param weightBytes of the rank's share of the model
 * @param activationBytes of a step at its largest
 * @param usefulCacheBytes of the rank's share of a cache with which a full batch makes headway: of every sequence its state, and keys
 *     and values of some tokens
 */
public record GpuMemory(long budgetBytes, long weightBytes, long activationBytes, long usefulCacheBytes) {
    /** For libraries, kernels, recordings, the attention's partial results and the routing of experts. */
    public static final long RESERVE_BYTES = 2L << 30;

    /** Tokens that every sequence of a full batch should find room for, for a layout to count as fitting. */
    private static final int USEFUL_TOKENS = 256;

    /**
     * Of a model on {@code ranks} ranks.
     *
     * @param maxTokens in a step
     * @param maxSamples in a step
     * @param sequences in a step, the fewest that will do
     * @throws UserError where the model cannot be cut into so many
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

    /** What is left for the cache. */
    public long cacheBytes() {
        return Math.max(0, budgetBytes - weightBytes - activationBytes - RESERVE_BYTES);
    }

    /** What must be there for the layout to count as fitting. */
    public long neededBytes() {
        return weightBytes + activationBytes + RESERVE_BYTES + usefulCacheBytes;
    }

    /** What an engine of {@code plan} fills of one GPU. */
    public long usedBytes(EnginePlan plan) {
        return weightBytes + activationBytes + RESERVE_BYTES + plan.cache().bytes() / plan.ranks();
    }

    /** Whether a full batch makes headway in it. */
    public boolean isUseful() {
        return cacheBytes() >= usefulCacheBytes;
    }

    /** One replica's cache, where so many sequences run at most. */
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
