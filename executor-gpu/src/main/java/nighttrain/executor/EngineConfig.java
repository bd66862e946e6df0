package nighttrain.executor;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * The settings that a user asks for; {@link EnginePlan} holds the settings that result. 0 means "choose for me" where said.
 *
 * @param backend hardware
 * @param layout copies of the model, and devices that share one copy; 0 replicas: as many as the devices allow; 0 ranks: the fewest that hold the
 *     model
 * @param steps bounds of one step
 * @param kv how keys and values are kept
 * @param threads CPU threads in all; 0: all that the machine has
 * @param gpu which GPUs, and how much of their memory
 * @param lengths expected lengths of sequences
 * @param weights which weights are kept and multiplied in 8 bits
 * @param states number format of the states of recurrent layers
 */
public record EngineConfig(
        Backend backend,
        Layout layout,
        StepConfig steps,
        KvConfig kv,
        int threads,
        GpuConfig gpu,
        Lengths lengths,
        WeightFormat.Choice weights,
        StateFormat states)
        implements Serializable {
    /** No machine has more processors; the system refuses some thousand threads after minutes, and then the process ends. */
    private static final int MOST_THREADS = 4096;

    public EngineConfig {
        atLeast(0, layout.ranks(), "ranks");
        atLeast(0, layout.replicas(), "replicas");
        if (threads < 0 || threads > MOST_THREADS) {
            throw UserError.of(
                    "bad value of --threads", threads, "0 to " + MOST_THREADS + "; leave it out to have it chosen");
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

    /** Returns the defaults of all settings. */
    public static EngineConfig defaults() {
        return on(Backend.AUTO);
    }

    /** Returns the defaults of all settings but {@code backend}. */
    public static EngineConfig on(Backend backend) {
        return new EngineConfig(
                backend,
                new Layout(0, 0),
                new StepConfig(0, 0, 0),
                new KvConfig(16, 0, true),
                0,
                GpuConfig.defaults(),
                Lengths.UNKNOWN,
                WeightFormat.Choice.AUTO,
                StateFormat.FP32);
    }

    public EngineConfig with(Layout other) {
        return new EngineConfig(backend, other, steps, kv, threads, gpu, lengths, weights, states);
    }

    public EngineConfig with(StepConfig other) {
        return new EngineConfig(backend, layout, other, kv, threads, gpu, lengths, weights, states);
    }

    public EngineConfig with(KvConfig other) {
        return new EngineConfig(backend, layout, steps, other, threads, gpu, lengths, weights, states);
    }

    public EngineConfig withThreads(int other) {
        return new EngineConfig(backend, layout, steps, kv, other, gpu, lengths, weights, states);
    }

    public EngineConfig with(GpuConfig other) {
        return new EngineConfig(backend, layout, steps, kv, threads, other, lengths, weights, states);
    }

    public EngineConfig with(Lengths other) {
        return new EngineConfig(backend, layout, steps, kv, threads, gpu, other, weights, states);
    }

    public EngineConfig with(WeightFormat.Choice other) {
        return new EngineConfig(backend, layout, steps, kv, threads, gpu, lengths, other, states);
    }

    public EngineConfig with(StateFormat other) {
        return new EngineConfig(backend, layout, steps, kv, threads, gpu, lengths, weights, other);
    }

    /** Returns the model with weights, keys, values and states in the formats that this configuration asks for. */
    public ModelSpec inFormats(ModelSpec model) {
        return model.with(weights).with(kv.format).with(states);
    }

    /** Returns the same configuration with another number of sequences in a step. */
    public EngineConfig withMaxNumSeqs(int other) {
        return with(new StepConfig(other, steps.maxBatchTokens, steps.maxModelLen));
    }

    /** Which hardware an engine runs on. */
    public enum Backend {
        /** The best that this machine has. */
        AUTO,
        CPU,
        CUDA
    }

    /**
     * Bounds of one step.
     *
     * @param maxNumSeqs most sequences in one step; 0: on GPUs as many as their memory holds at the expected lengths
     * @param maxBatchTokens most tokens in one step, prefill and decode together; 0: chosen by the hardware
     * @param maxModelLen longest prompt plus output, in tokens; 0: the model's own limit
     */
    public record StepConfig(int maxNumSeqs, int maxBatchTokens, int maxModelLen) implements Serializable {
        public StepConfig {
            atLeast(0, maxNumSeqs, "max-num-seqs");
            atLeast(0, maxBatchTokens, "max-num-batched-tokens");
            atLeast(0, maxModelLen, "max-model-len");
            if (maxBatchTokens > 0 && maxBatchTokens < maxNumSeqs) {
                throw UserError.of(
                        "bad value of --max-num-batched-tokens",
                        maxBatchTokens,
                        "at least --max-num-seqs, " + maxNumSeqs
                                + ", so that every running sequence gets a token in a step;"
                                + " raise it or lower --max-num-seqs");
            }
        }
    }

    /**
     * How keys and values are kept.
     *
     * @param pageTokens tokens in one page of the KV cache
     * @param pages pages of one replica's KV cache; 0: as many as memory allows
     * @param prefixCache reuse the keys and values of shared prefixes
     * @param format number format of keys and values
     */
    public record KvConfig(int pageTokens, int pages, boolean prefixCache, KvFormat.Choice format)
            implements Serializable {
        /** Keeps keys and values in the number format that the checkpoint asks for. */
        public KvConfig(int pageTokens, int pages, boolean prefixCache) {
            this(pageTokens, pages, prefixCache, KvFormat.Choice.AUTO);
        }

        public KvConfig {
            atLeast(1, pageTokens, "page-tokens");
            atLeast(0, pages, "kv-pages");
        }
    }

    /**
     * Expected lengths of a job's sequences. An engine is sized for these lengths and accepts any others.
     *
     * @param promptTokens mean tokens of the prompts; 0: unknown
     * @param outputTokens mean tokens of the outputs; 0: unknown
     */
    public record Lengths(int promptTokens, int outputTokens) implements Serializable {
        /** No length is known. */
        public static final Lengths UNKNOWN = new Lengths(0, 0);

        public Lengths {
            if (promptTokens < 0 || outputTokens < 0) {
                throw new IllegalArgumentException(
                        "lengths: " + promptTokens + " and " + outputTokens + " tokens (each at least 0)");
            }
        }

        /**
         * Returns the expected tokens of prompt and output together, at most {@code maxModelLen}. A prompt of unknown length counts as many tokens as
         * its output, but no fewer than an output of unknown length.
         */
        int sequenceTokens(int maxModelLen) {
            long output = outputTokens > 0 ? outputTokens : UNKNOWN_TOKENS;
            long prompt = promptTokens > 0 ? promptTokens : Math.max(output, UNKNOWN_TOKENS);
            return (int) Math.min(maxModelLen, prompt + output);
        }

        private static final int UNKNOWN_TOKENS = 256;
    }

    /**
     * Settings of the GPUs.
     *
     * @param devices the driver's numbers of the GPUs; empty: all that this process sees
     * @param memoryUtilization share of each GPU's memory that the engine may fill with weights, activations and KV cache
     * @param deterministic a sequence's text does not depend on what else is in the batch; slower
     * @param skipAllReduce leave out the all-reduces: the answers are wrong, and the time is the bound without communication
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

        /** Returns the same settings on these GPUs. */
        public GpuConfig on(List<Integer> numbers) {
            return new GpuConfig(numbers, memoryUtilization, deterministic, skipAllReduce);
        }

        /** Returns the same settings without all-reduces. */
        public GpuConfig withoutAllReduce() {
            return new GpuConfig(devices, memoryUtilization, deterministic, true);
        }

        public static GpuConfig defaults() {
            return new GpuConfig(List.of(), 0.90, false, false);
        }
    }
}
