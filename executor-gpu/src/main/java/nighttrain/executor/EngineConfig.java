package nighttrain.executor;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * What was asked of an engine; {@link EnginePlan} is what came of it. 0 means "choose for me" where said.
 *
 * @param backend hardware
 * @param layout copies of the model, and devices that share one; 0 replicas: as many as the devices allow; 0 ranks: the fewest that hold it
 * @param steps how much one step takes
 * @param kv how keys and values are kept
 * @param threads CPU threads in all; 0: all that the machine has
 * @param gpu which GPUs, and how much of them
 * @param lengths that sequences are expected to have
 * @param weights which weights are kept and multiplied in 8 bits
 * @param states what the states of recurrent layers are kept in
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
    public EngineConfig {
        atLeast(0, layout.ranks(), "ranks");
        atLeast(0, layout.replicas(), "replicas");
        atLeast(0, threads, "threads");
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

    /** What a user gets who asks for nothing. */
    public static EngineConfig defaults() {
        return on(Backend.AUTO);
    }

    /** What a user gets who asks for nothing but {@code backend}. */
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

    /** A model whose weights, keys, values and states an engine keeps as asked. */
    public ModelSpec inFormats(ModelSpec model) {
        return model.with(weights).with(kv.format).with(states);
    }

    /** The same with another number of sequences in a step. */
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
     * How much one step takes.
     *
     * @param maxNumSeqs most sequences in one step; 0: on GPUs as many as their memory holds at the lengths expected
     * @param maxBatchTokens most tokens in one step, prefill and decode together; 0: what suits the hardware
     * @param maxModelLen longest prompt plus output, in tokens; 0: the model's own
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
     * @param pages pages of one replica's KV cache; 0: what memory allows
     * @param prefixCache reuse the keys and values of shared prefixes
     * @param format in which numbers
     */
    public record KvConfig(int pageTokens, int pages, boolean prefixCache, KvFormat.Choice format)
            implements Serializable {
        /** In the numbers that the checkpoint asks for. */
        public KvConfig(int pageTokens, int pages, boolean prefixCache) {
            this(pageTokens, pages, prefixCache, KvFormat.Choice.AUTO);
        }

        public KvConfig {
            atLeast(1, pageTokens, "page-tokens");
            atLeast(0, pages, "kv-pages");
        }
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

        /**
         * Prompt and output together, at most {@code maxModelLen}. A prompt of which nothing is known counts as long as its output, and where
         * that is short as an output of which nothing is known.
         */
        int sequenceTokens(int maxModelLen) {
            long output = outputTokens > 0 ? outputTokens : UNKNOWN_TOKENS;
            long prompt = promptTokens > 0 ? promptTokens : Math.max(output, UNKNOWN_TOKENS);
            return (int) Math.min(maxModelLen, prompt + output);
        }

        private static final int UNKNOWN_TOKENS = 256;
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
