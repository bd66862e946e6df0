package nighttrain.executor;

import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.cache.CacheBudget;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.ModelCaches;
import nighttrain.io.spec.ModelSpec;

/** What a configuration comes to on this machine's CPUs. */
final class CpuPlanning {
    /** Share of the heap that the KV caches of all replicas may take; the rest is for weights and the job around. */
    private static final double KV_SHARE = 0.25;

    /** Tokens in a step: longer ones gain nothing. */
    private static final int BATCH_TOKENS = 1024;

    private CpuPlanning() {}

    static EnginePlan plan(EngineConfig config, ModelSpec model, int maxModelLen) {
        int replicas = Math.max(1, config.replicas());
        int ranks = Math.max(1, config.ranks());
        long kvBytes = (long) (Runtime.getRuntime().maxMemory() * KV_SHARE) / replicas;
        int maxBatchTokens =
                config.maxBatchTokens() > 0 ? config.maxBatchTokens() : Math.max(BATCH_TOKENS, config.maxNumSeqs());
        CacheLayout cache = CacheLayout.of(
                ModelCaches.of(model, Float.BYTES, maxModelLen),
                config.pageTokens(),
                config.kvPages(),
                config.maxNumSeqs());
        int threads =
                config.threads() > 0 ? config.threads() : Runtime.getRuntime().availableProcessors();
        return new EnginePlan(
                Backend.CPU,
                Architecture.of(model).label(),
                replicas,
                ranks,
                config.maxNumSeqs(),
                maxBatchTokens,
                maxModelLen,
                config.kvPages() > 0
                        ? cache
                        : new CacheBudget(kvBytes, config.maxNumSeqs(), maxBatchTokens, maxModelLen).cut(cache),
                config.prefixCache(),
                Math.max(1, threads / (replicas * ranks)));
    }
}
