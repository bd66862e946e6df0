package nighttrain.executor;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.spec.WeightFormat;

/**
 * What was asked of an engine; {@link EnginePlan} is what came of it. 0 means "choose for me" where said.
 *
 * @param backend hardware
 * @param ranks devices that share one copy of the model (W); 0: the fewest that hold it
 * @param replicas copies of the model (R); 0: as many as the devices allow
 * @param maxNumSeqs most sequences in one step; 0: on GPUs as many as their memory holds at the lengths expected
 * @param maxBatchTokens most tokens in one step, prefill and decode together; 0: what suits the hardware
 * @param maxModelLen longest prompt plus output, in tokens; 0: the model's own
 * @param pageTokens tokens in one page of the KV cache
 * @param kvPages pages of one replica's KV cache; 0: what memory allows
 * @param prefixCache reuse the keys and values of shared prefixes
 * @param threads CPU threads in all; 0: all that the machine has
 * @param gpu which GPUs, and how much of them
 * @param lengths that sequences are expected to have
 * @param weights which weights are kept and multiplied in 8 bits
 */
public record EngineConfig(
        Backend backend,
        int ranks,
        int replicas,
        int maxNumSeqs,
        int maxBatchTokens,
        int maxModelLen,
        int pageTokens,
        int kvPages,
        boolean prefixCache,
        int threads,
        GpuConfig gpu,
        Lengths lengths,
        WeightFormat.Choice weights)
        implements Serializable {
    /** Nothing is known of the lengths. */
    public EngineConfig(
            Backend backend,
            int ranks,
            int replicas,
            int maxNumSeqs,
            int maxBatchTokens,
            int maxModelLen,
            int pageTokens,
            int kvPages,
            boolean prefixCache,
            int threads,
            GpuConfig gpu) {
        this(
                backend,
                ranks,
                replicas,
                maxNumSeqs,
                maxBatchTokens,
                maxModelLen,
                pageTokens,
                kvPages,
                prefixCache,
                threads,
                gpu,
                Lengths.UNKNOWN,
                WeightFormat.Choice.AUTO);
    }

    /** With all of the machine's GPUs. */
    public EngineConfig(
            Backend backend,
            int ranks,
            int replicas,
            int maxNumSeqs,
            int maxBatchTokens,
            int maxModelLen,
            int pageTokens,
            int kvPages,
            boolean prefixCache,
            int threads) {
        this(
                backend,
                ranks,
                replicas,
                maxNumSeqs,
                maxBatchTokens,
                maxModelLen,
                pageTokens,
                kvPages,
                prefixCache,
                threads,
                GpuConfig.defaults());
    }

    public EngineConfig {
        atLeast(0, ranks, "ranks");
        atLeast(0, replicas, "replicas");
        atLeast(0, maxNumSeqs, "max-num-seqs");
        atLeast(0, maxBatchTokens, "max-num-batched-tokens");
        atLeast(0, maxModelLen, "max-model-len");
        atLeast(1, pageTokens, "page-tokens");
        atLeast(0, kvPages, "kv-pages");
        atLeast(0, threads, "threads");
        if (maxBatchTokens > 0 && maxBatchTokens < maxNumSeqs) {
            throw UserError.of(
                    "bad value of --max-num-batched-tokens",
                    maxBatchTokens,
                    "at least --max-num-seqs, " + maxNumSeqs
                            + ", so that every running sequence gets a token in a step;"
                            + " raise it or lower --max-num-seqs");
        }
    }

    private static void atLeast(int least, int value, String option) {
        if (value < least) {
            throw UserError.of(
                    "bad value of --" + option,
                    value,
                    "at least " + least
                            + (least == 0 ? "; leave it out to have it chosen" : "; leave it out for the default"));
        }
    }

    /** The same with other GPUs. */
    public EngineConfig with(GpuConfig other) {
        return copy(replicas, ranks, maxNumSeqs, other, lengths);
    }

    /** The same for sequences of other lengths. */
    public EngineConfig with(Lengths other) {
        return copy(replicas, ranks, maxNumSeqs, gpu, other);
    }

    /** The same on other devices. */
    public EngineConfig withLayout(int otherReplicas, int otherRanks) {
        return copy(otherReplicas, otherRanks, maxNumSeqs, gpu, lengths);
    }

    /** The same with another number of sequences in a step. */
    public EngineConfig withMaxNumSeqs(int other) {
        return copy(replicas, ranks, other, gpu, lengths);
    }

    private EngineConfig copy(
            int otherReplicas, int otherRanks, int otherMaxNumSeqs, GpuConfig otherGpu, Lengths otherLengths) {
        return new EngineConfig(
                backend,
                otherRanks,
                otherReplicas,
                otherMaxNumSeqs,
                maxBatchTokens,
                maxModelLen,
                pageTokens,
                kvPages,
                prefixCache,
                threads,
                otherGpu,
                otherLengths,
                weights);
    }

    /** The same with other weights in 8 bits. */
    public EngineConfig with(WeightFormat.Choice other) {
        return new EngineConfig(
                backend,
                ranks,
                replicas,
                maxNumSeqs,
                maxBatchTokens,
                maxModelLen,
                pageTokens,
                kvPages,
                prefixCache,
                threads,
                gpu,
                lengths,
                other);
    }

    /** What a user gets who asks for nothing. */
    public static EngineConfig defaults() {
        return new EngineConfig(Backend.AUTO, 0, 0, 0, 0, 0, 16, 0, true, 0);
    }

    /** Which hardware an engine runs on. */
    public enum Backend {
        /** The best that this machine has. */
        AUTO,
        CPU,
        CUDA
    }

    /**
     * What is expected of the sequences of a job. An engine is sized for them, and takes others all the same.
     *
     * @param promptTokens mean of the prompts; 0: unknown
     * @param outputTokens mean of the outputs; 0: unknown
     */
    public record Lengths(int promptTokens, int outputTokens) implements Serializable {
        /** Nothing is expected. */
        public static final Lengths UNKNOWN = new Lengths(0, 0);

        public Lengths {
            if (promptTokens < 0 || outputTokens < 0) {
                throw new IllegalArgumentException(
                        "lengths: " + promptTokens + " and " + outputTokens + " tokens (each at least 0)");
            }
        }

        /** Prompt and output together, at most {@code maxModelLen}. A prompt of which nothing is known counts as long as its output. */
        int sequenceTokens(int maxModelLen) {
            long output = outputTokens > 0 ? outputTokens : UNKNOWN_OUTPUT;
            return (int) Math.min(maxModelLen, (promptTokens > 0 ? promptTokens : output) + output);
        }

        private static final int UNKNOWN_OUTPUT = 256;
    }

    /**
     * What is asked of the GPUs.
     *
     * @param devices their numbers, as the driver counts them; none: all that this process sees
     * @param memoryUtilization share of each GPU's memory that the engine may fill with weights, activations and KV cache
     * @param deterministic a sequence's text does not depend on what else is in the batch; slower
     * @param skipAllReduce leave out the sums over ranks: the answers are wrong, the time is the bound that communication is held against
     */
    public record GpuConfig(
            List<Integer> devices, double memoryUtilization, boolean deterministic, boolean skipAllReduce)
            implements Serializable {
        public GpuConfig {
            devices = List.copyOf(devices);
            if (!(memoryUtilization > 0 && memoryUtilization <= 1)) {
                throw UserError.of(
                        "bad value of --gpu-memory-utilization",
                        memoryUtilization,
                        "above 0, at most 1; leave it out for the default");
            }
        }

        /** The same on these GPUs. */
        public GpuConfig on(List<Integer> numbers) {
            return new GpuConfig(numbers, memoryUtilization, deterministic, skipAllReduce);
        }

        /** The same without sums over ranks. */
        public GpuConfig withoutAllReduce() {
            return new GpuConfig(devices, memoryUtilization, deterministic, true);
        }

        public static GpuConfig defaults() {
            return new GpuConfig(List.of(), 0.90, false, false);
        }
    }
}
