package nighttrain.executor;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.step.StepLimits;
import nighttrain.executor.kv.KvLayout;
import nighttrain.executor.model.WorkspaceSize;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ModelConfig;

/**
 * What a configuration comes to on this machine's GPUs: the layout, and how many pages of KV cache fit beside weights and
 * activations.
 */
final class GpuPlanning {
    /** Tokens in a step: enough that matrix products run at their ceiling. */
    private static final int BATCH_TOKENS = 8192;

    private static final int PAGE_UNIT = 16;
    private static final int BF16 = 2;

    /** For libraries, kernels, recordings and the attention's partial results. */
    private static final long RESERVE_BYTES = 2L << 30;

    /** Tokens that every sequence of a full batch should find room for, for a layout to count as fitting. */
    private static final int USEFUL_TOKENS = 256;

    private GpuPlanning() {}

    static EnginePlan plan(EngineConfig config, ModelConfig model, int maxModelLen, int scoredPerStep) {
        if (config.pageTokens() % PAGE_UNIT != 0) {
            throw UserError.of(
                    "bad value of --page-tokens", config.pageTokens(), "a multiple of " + PAGE_UNIT + " on GPUs");
        }
        int maxBatchTokens =
                config.maxBatchTokens() > 0 ? config.maxBatchTokens() : Math.max(BATCH_TOKENS, config.maxNumSeqs());
        List<Integer> gpus = gpus(config);
        Room room = new Room(
                config, model, maxBatchTokens, config.maxNumSeqs() + scoredPerStep, budget(gpus, config.gpu()));
        int ranks = config.ranks() > 0 ? config.ranks() : fewestRanks(room, gpus.size());
        int replicas = config.replicas() > 0 ? config.replicas() : gpus.size() / ranks;
        if (replicas * ranks > gpus.size() || replicas == 0) {
            throw UserError.of(
                    "not enough GPUs",
                    Math.max(1, replicas) * ranks,
                    gpus.size() + " are here; lower --ranks or --replicas");
        }
        KvLayout kv = config.kvPages() > 0
                ? new KvLayout(config.pageTokens(), config.kvPages())
                : KvLayout.fitting(
                        model,
                        config.pageTokens(),
                        room.kvBytes(ranks) * ranks,
                        BF16,
                        config.maxNumSeqs(),
                        maxModelLen);
        return new EnginePlan(
                Backend.CUDA,
                Architecture.of(model).label(),
                replicas,
                ranks,
                config.maxNumSeqs(),
                maxBatchTokens,
                maxModelLen,
                kv.pageTokens(),
                kv.pages(),
                config.prefixCache(),
                1);
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

    static StepLimits stepLimits(EnginePlan plan, int maxDraws) {
        return new StepLimits(
                plan.maxBatchTokens(),
                plan.maxNumSeqs(),
                maxDraws,
                KvLayout.pagesFor(plan.maxModelLen(), plan.pageTokens()),
                plan.pageTokens());
    }

    /** Replicas need no communication at all, so the fewest ranks whose memory holds the model and a useful KV cache. */
    private static int fewestRanks(Room room, int gpus) {
        for (int ranks = 1; ranks <= gpus; ranks++) {
            if (gpus % ranks == 0 && room.canBeCut(ranks) && room.isUseful(ranks)) {
                return ranks;
            }
        }
        throw UserError.of(
                "model does not fit the GPUs",
                (room.weightBytes(1) >> 30) + " GiB of weights",
                "on " + gpus + " GPUs " + (room.budget >> 30) + " GiB each may be used; use more GPUs, raise"
                        + " --gpu-memory-utilization, or lower --max-num-seqs or --max-num-batched-tokens");
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

    /** The memory of one GPU of several alike, and what a rank would take of it. */
    private record Room(EngineConfig config, ModelConfig model, int maxTokens, int maxDraws, long budget) {
        boolean canBeCut(int ranks) {
            try {
                Architecture.of(model).checkRanks(model, ranks);
                return true;
            } catch (UserError e) {
                return false;
            }
        }

        long weightBytes(int ranks) {
            return BF16 * ModelFootprint.parametersPerRank(model, ranks);
        }

        long kvBytes(int ranks) {
            long activations = WorkspaceSize.bytes(model, ranks, maxTokens, maxDraws);
            return Math.max(0, budget - weightBytes(ranks) - activations - RESERVE_BYTES);
        }

        boolean isUseful(int ranks) {
            long perRank = model.kvElementsPerToken() * BF16 / ranks;
            return kvBytes(ranks) >= perRank * USEFUL_TOKENS * config.maxNumSeqs();
        }
    }
}
