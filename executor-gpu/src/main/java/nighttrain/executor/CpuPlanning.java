package nighttrain.executor;

import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.kv.KvLayout;
import nighttrain.io.checkpoint.ModelConfig;

/** What a configuration comes to on this machine's CPUs. */
final class CpuPlanning {
    /** Share of the heap that the KV caches of all replicas may take; the rest is for weights and the job around. */
    private static final double KV_SHARE = 0.25;

    /** Tokens in a step: longer ones gain nothing. */
    private static final int BATCH_TOKENS = 1024;

    private CpuPlanning() {}

    static EnginePlan plan(EngineConfig config, ModelConfig model, int maxModelLen) {
        int replicas = Math.max(1, config.replicas());
        int ranks = Math.max(1, config.ranks());
        long kvBytes = (long) (Runtime.getRuntime().maxMemory() * KV_SHARE) / replicas;
        KvLayout kv = config.kvPages() > 0
                ? new KvLayout(config.pageTokens(), config.kvPages())
                : KvLayout.fitting(model, config.pageTokens(), kvBytes, Float.BYTES, config.maxNumSeqs(), maxModelLen);
        int threads =
                config.threads() > 0 ? config.threads() : Runtime.getRuntime().availableProcessors();
        return new EnginePlan(
                Backend.CPU,
                Architecture.of(model).label(),
                replicas,
                ranks,
                config.maxNumSeqs(),
                config.maxBatchTokens() > 0 ? config.maxBatchTokens() : Math.max(BATCH_TOKENS, config.maxNumSeqs()),
                maxModelLen,
                kv.pageTokens(),
                kv.pages(),
                config.prefixCache(),
                Math.max(1, threads / (replicas * ranks)));
    }
}
