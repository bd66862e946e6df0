package nighttrain.executor;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;

/**
 * What a configuration comes to on this machine's GPUs: the layout, and how many pages of KV cache fit beside weights and
 * activations.
 */
final class GpuPlanning {
    /** Tokens in a step: enough that matrix products run at their ceiling. */
    private static final int BATCH_TOKENS = 8192;

    private static final int PAGE_UNIT = 16;

    private GpuPlanning() {}

    /**
     * GPUs that are alike.
     *
     * @param count how many
     * @param budgetBytes of each that the engine may fill
     */
    record Room(int count, long budgetBytes) {}

    /** On this machine's GPUs. */
    static EnginePlan plan(EngineConfig config, ModelSpec model, int maxModelLen, int scoredPerStep) {
        List<Integer> gpus = gpus(config);
        return plan(config, model, maxModelLen, scoredPerStep, new Room(gpus.size(), budget(gpus, config.gpu())));
    }

    /** On GPUs that need not be here. */
    static EnginePlan plan(EngineConfig config, ModelSpec model, int maxModelLen, int scoredPerStep, Room room) {
        if (config.pageTokens() % PAGE_UNIT != 0) {
            throw UserError.of(
                    "bad value of --page-tokens",
                    config.pageTokens(),
                    "a multiple of " + PAGE_UNIT + " on GPUs; leave it out for the default");
        }
        int ranks = config.ranks() > 0 ? config.ranks() : fewestRanks(config, model, scoredPerStep, room);
        int replicas = config.replicas() > 0 ? config.replicas() : room.count() / ranks;
        if (replicas * ranks > room.count() || replicas == 0) {
            throw UserError.of(
                    "not enough GPUs",
                    Math.max(1, replicas) * ranks,
                    room.count() + " are here; lower --ranks or --replicas");
        }
        GpuMemory memory = memory(config, model, ranks, scoredPerStep, room.budgetBytes());
        return new EnginePlan(
                Backend.CUDA,
                Architecture.of(model).label(),
                replicas,
                ranks,
                config.maxNumSeqs(),
                maxBatchTokens(config),
                maxModelLen,
                memory.cut(config, model, ranks, maxBatchTokens(config), maxModelLen),
                config.prefixCache(),
                1);
    }

    /** What a rank takes of a GPU. */
    static GpuMemory memory(EngineConfig config, ModelSpec model, int ranks, int scoredPerStep, long budgetBytes) {
        return GpuMemory.of(
                config, model, ranks, maxBatchTokens(config), config.maxNumSeqs() + scoredPerStep, budgetBytes);
    }

    private static int maxBatchTokens(EngineConfig config) {
        return config.maxBatchTokens() > 0 ? config.maxBatchTokens() : Math.max(BATCH_TOKENS, config.maxNumSeqs());
    }

    private static List<Integer> gpus(EngineConfig config) {
        return config.gpu().devices().isEmpty()
                ? IntStream.range(0, CudaDevices.count()).boxed().toList()
                : config.gpu().devices();
    }

    /** The GPUs of one replica. */
    static List<Integer> gpusOf(int replica, EngineConfig config, EnginePlan plan) {
        return gpus(config).subList(replica * plan.ranks(), (replica + 1) * plan.ranks());
    }

    /** The GPUs of all replicas. */
    static List<Integer> gpusOf(EngineConfig config, EnginePlan plan) {
        return gpus(config).subList(0, plan.replicas() * plan.ranks());
    }

    /** Replicas need no communication at all, so the fewest ranks whose memory holds the model and a useful KV cache. */
    private static int fewestRanks(EngineConfig config, ModelSpec model, int scoredPerStep, Room room) {
        for (int ranks = 1; ranks <= room.count(); ranks++) {
            if (room.count() % ranks == 0
                    && canBeCut(model, ranks)
                    && memory(config, model, ranks, scoredPerStep, room.budgetBytes())
                            .isUseful()) {
                return ranks;
            }
        }
        long weightBytes = HardwareProfile.BF16_BYTES * ModelFootprint.parametersPerRank(model, 1);
        throw UserError.of(
                "model does not fit the GPUs",
                (weightBytes >> 30) + " GiB of weights",
                "on " + room.count() + " GPUs " + (room.budgetBytes() >> 30) + " GiB each may be used; use more GPUs,"
                        + " raise --gpu-memory-utilization, or lower --max-num-seqs or --max-num-batched-tokens");
    }

    private static boolean canBeCut(ModelSpec model, int ranks) {
        try {
            ModelBlocks.checkRanks(model, ranks);
            return true;
        } catch (UserError e) {
            return false;
        }
    }

    /** What the engine may fill of the GPU that has the least free; asking opens a context on each. */
    private static long budget(List<Integer> gpus, GpuConfig config) {
        return gpus.stream()
                .map(CudaDevices::memory)
                .mapToLong(memory -> (long) (memory.totalBytes() * config.memoryUtilization())
                        - (memory.totalBytes() - memory.freeBytes()))
                .min()
                .orElse(0);
    }
}
