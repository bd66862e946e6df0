package nighttrain.executor;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.cache.CacheBudget;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;

/** Derives an {@link EnginePlan} from a configuration: the layout, and how much KV cache fits next to weights and activations. */
final class EnginePlanning {
    /**
     * Tokens in a step on GPUs: enough for matmuls to run at their peak rate. 16,384 tokens gained 1 % on equal lengths and lost 3 % on mixed ones;
     * their buffers take 1.5 GiB from the cache (dense-8b, one H200).
     */
    private static final int GPU_BATCH_TOKENS = 8192;

    /** Sequences in a step if their number is not given: this many on CPUs, at least this many on GPUs. */
    static final int LEAST_SEQUENCES = 256;

    /**
     * Most sequences in a step on GPUs if their number is not given. 1,024 instead of 256 gained 7 to 19 %, 2,048 instead of 1,024 up to 1.6 %
     * (dense-8b, one H200).
     */
    static final int MOST_SEQUENCES = 1024;

    /** Chosen numbers of sequences are multiples of this, so that the largest captured graph pads nothing. */
    private static final int SEQUENCES_UNIT = 64;

    private static final int GPU_PAGE_UNIT = 16;

    /** Share of the heap that the caches of all replicas may take; the rest is for weights and the job. */
    private static final double CPU_CACHE_SHARE = 0.25;

    /** Tokens in a step on CPUs: longer steps gain nothing. */
    private static final int CPU_BATCH_TOKENS = 1024;

    private EnginePlanning() {}

    /** Plans an engine on this machine's CPUs. */
    static EnginePlan onCpu(EngineConfig config, ModelSpec model, int maxModelLen) {
        int replicas = Math.max(1, config.layout().replicas());
        int ranks = Math.max(1, config.layout().ranks());
        long heapBytes = Runtime.getRuntime().maxMemory();
        long weightBytes = ModelFootprint.parametersPerRank(model, ranks) * ranks * replicas * Float.BYTES;
        checkFits(weightBytes, heapBytes);
        long cacheBytes = (long) (heapBytes * CPU_CACHE_SHARE) / replicas;
        int maxNumSeqs = leastSequences(config);
        int maxBatchTokens = config.steps().maxBatchTokens() > 0
                ? config.steps().maxBatchTokens()
                : Math.max(CPU_BATCH_TOKENS, maxNumSeqs);
        checkFits(
                "steps",
                maxNumSeqs + " sequences and " + maxBatchTokens + " tokens",
                // The buffers of GPUs, whose numbers are narrower: CPUs need at least these bytes.
                ModelBlocks.of(model, 0, ranks).bufferBytes(maxBatchTokens, maxNumSeqs) * ranks * replicas,
                heapBytes - weightBytes,
                "--max-num-seqs or --max-num-batched-tokens");
        CacheLayout cache = CacheLayout.of(
                        CacheSpec.of(model, ranks, Float.BYTES, maxModelLen),
                        config.kv().pageTokens(),
                        config.kv().pages(),
                        maxNumSeqs)
                .withSnapshots(config.kv().prefixCache() ? CacheLayout.ENOUGH_SNAPSHOTS : 0);
        checkFits(
                "pages",
                config.kv().pages() + " pages of " + config.kv().pageTokens() + " tokens",
                cache.pageBytes() * replicas,
                heapBytes - weightBytes,
                "--kv-pages");
        int threads =
                config.threads() > 0 ? config.threads() : Runtime.getRuntime().availableProcessors();
        return new EnginePlan(
                Backend.CPU,
                Architecture.of(model).label(),
                replicas,
                ranks,
                maxNumSeqs,
                0,
                maxBatchTokens,
                maxModelLen,
                config.kv().pages() > 0
                        ? cache
                        : new CacheBudget(
                                        cacheBytes,
                                        maxNumSeqs,
                                        maxBatchTokens,
                                        maxModelLen,
                                        config.lengths().sequenceTokens(maxModelLen))
                                .cut(cache),
                config.kv().prefixCache(),
                Math.max(1, threads / (replicas * ranks)),
                notIn8Bits(model, ranks));
    }

    private static void checkFits(long weightBytes, long heapBytes) {
        if (weightBytes > heapBytes) {
            throw UserError.of(
                    "model does not fit the memory",
                    (weightBytes >> 30) + " GiB of weights in fp32",
                    "the heap of this JVM may grow to " + (heapBytes >> 30)
                            + " GiB; raise -Xmx or --executor-memory, lower --replicas, or run it on GPUs");
        }
    }

    /** Refuses what needs more memory than the heap has beside the weights. */
    private static void checkFits(String what, String size, long bytes, long freeBytes, String options) {
        if (bytes > freeBytes) {
            throw UserError.of(
                    what + " do not fit the memory",
                    size,
                    "at least " + (bytes >> 30) + " GiB, of which the heap of this JVM has " + (freeBytes >> 30)
                            + " beside the weights; lower " + options + ", or raise -Xmx or --executor-memory");
        }
    }

    /**
     * Memory of several equal GPUs.
     *
     * @param count number of GPUs
     * @param budgetBytes bytes of each GPU that the engine may fill
     * @param takenBytes bytes of one GPU that are in use before the engine starts
     */
    record Room(int count, long budgetBytes, long takenBytes) {
        /** GPUs on which nothing else runs. */
        Room(int count, long budgetBytes) {
            this(count, budgetBytes, 0);
        }

        private String perGpu() {
            String taken = takenBytes >> 30 == 0 ? "" : ", since " + (takenBytes >> 30) + " GiB are in use already";
            return (budgetBytes >> 30) + " GiB each may be used" + taken;
        }
    }

    /** Plans an engine on this machine's GPUs. */
    static EnginePlan onGpus(EngineConfig config, ModelSpec model, int maxModelLen, int scoredPerStep) {
        List<Integer> gpus = gpus(config);
        return onGpus(config, model, maxModelLen, scoredPerStep, room(gpus, config.gpu()));
    }

    /** Plans an engine on GPUs that this machine need not have. */
    static EnginePlan onGpus(EngineConfig config, ModelSpec model, int maxModelLen, int scoredPerStep, Room room) {
        if (config.kv().pageTokens() % GPU_PAGE_UNIT != 0) {
            throw UserError.of(
                    "bad value of --page-tokens",
                    config.kv().pageTokens(),
                    "a multiple of " + GPU_PAGE_UNIT + " on GPUs; leave it out for the default");
        }
        int ranks =
                config.layout().ranks() > 0 ? config.layout().ranks() : fewestRanks(config, model, scoredPerStep, room);
        int replicas = config.layout().replicas() > 0 ? config.layout().replicas() : room.count() / ranks;
        if ((long) replicas * ranks > room.count() || replicas == 0) {
            throw UserError.of(
                    "not enough GPUs",
                    Math.max(1L, replicas) * ranks,
                    room.count() + " are here; lower --ranks or --replicas");
        }
        Shape shape = new Shape(config, model, ranks, scoredPerStep, room.budgetBytes(), maxModelLen);
        int maxNumSeqs = shape.sequences();
        return new EnginePlan(
                Backend.CUDA,
                Architecture.of(model).label(),
                replicas,
                ranks,
                maxNumSeqs,
                config.steps().maxNumSeqs() > 0 ? 0 : shape.expectedTokens(),
                maxBatchTokens(config, maxNumSeqs),
                maxModelLen,
                shape.cache(maxNumSeqs),
                config.kv().prefixCache(),
                1,
                notIn8Bits(model, ranks));
    }

    private static String notIn8Bits(ModelSpec model, int ranks) {
        return ModelBlocks.of(model, 0, ranks).hinderedFrom8Bits().orElse("");
    }

    /** A replica on GPUs, without the number of sequences in a step. */
    private record Shape(
            EngineConfig config, ModelSpec model, int ranks, int scoredPerStep, long budgetBytes, int maxModelLen) {
        int expectedTokens() {
            return config.lengths().sequenceTokens(maxModelLen);
        }

        /** Returns the number asked for; else the most sequences, within bounds, that the cache holds at the expected lengths, less their buffers. */
        int sequences() {
            if (config.steps().maxNumSeqs() > 0) {
                return config.steps().maxNumSeqs();
            }
            int most = config.steps().maxBatchTokens() > 0
                    ? Math.min(MOST_SEQUENCES, config.steps().maxBatchTokens())
                    : MOST_SEQUENCES;
            for (int sequences = most; sequences > LEAST_SEQUENCES; sequences -= SEQUENCES_UNIT) {
                if (holds(sequences)) {
                    return sequences;
                }
            }
            return Math.min(most, LEAST_SEQUENCES);
        }

        private boolean holds(int sequences) {
            try {
                return cache(sequences).sequences(expectedTokens()) >= sequences;
            } catch (UserError tooSmall) { // the longest sequence does not fit with the buffers of so many; it may with
                // fewer
                return false;
            }
        }

        CacheLayout cache(int sequences) {
            return memoryFor(sequences)
                    .cut(config, model, ranks, sequences, maxBatchTokens(config, sequences), maxModelLen);
        }

        private GpuMemory memoryFor(int sequences) {
            return memory(config.withMaxNumSeqs(sequences), model, ranks, scoredPerStep, budgetBytes);
        }
    }

    /** Returns the memory that a rank takes of a GPU, with the fewest sequences if their number is not given. */
    static GpuMemory memory(EngineConfig config, ModelSpec model, int ranks, int scoredPerStep, long budgetBytes) {
        int sequences = leastSequences(config);
        return GpuMemory.of(
                model, ranks, maxBatchTokens(config, sequences), sequences + scoredPerStep, sequences, budgetBytes);
    }

    /** Returns the fewest sequences in a step that {@code config} allows. */
    private static int leastSequences(EngineConfig config) {
        return config.steps().maxNumSeqs() > 0 ? config.steps().maxNumSeqs() : LEAST_SEQUENCES;
    }

    private static int maxBatchTokens(EngineConfig config, int maxNumSeqs) {
        return config.steps().maxBatchTokens() > 0
                ? config.steps().maxBatchTokens()
                : Math.max(GPU_BATCH_TOKENS, maxNumSeqs);
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

    /** Returns the fewest ranks whose memory holds the model and a useful KV cache: replicas need no communication at all. */
    private static int fewestRanks(EngineConfig config, ModelSpec model, int scoredPerStep, Room room) {
        for (int ranks = 1; ranks <= room.count(); ranks++) {
            if (room.count() % ranks == 0
                    && canBeCut(model, ranks)
                    && memory(config, model, ranks, scoredPerStep, room.budgetBytes())
                            .isUseful()) {
                return ranks;
            }
        }
        long weightBytes = ModelFootprint.gpuBytesPerRank(model, 1);
        throw UserError.of(
                "model does not fit the GPUs",
                (weightBytes >> 30) + " GiB of weights",
                "on " + room.count() + " GPUs " + room.perGpu() + "; use more GPUs,"
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

    /** Returns the least budget and the most memory in use over these GPUs. Asking opens a context on each. */
    private static Room room(List<Integer> gpus, GpuConfig config) {
        List<CudaDevices.Memory> memories =
                gpus.stream().map(CudaDevices::memory).toList();
        return new Room(
                gpus.size(),
                memories.stream()
                        .mapToLong(memory ->
                                (long) (memory.totalBytes() * config.memoryUtilization()) - memory.takenBytes())
                        .map(budget -> Math.max(0, budget))
                        .min()
                        .orElse(0),
                memories.stream()
                        .mapToLong(CudaDevices.Memory::takenBytes)
                        .max()
                        .orElse(0));
    }
}
