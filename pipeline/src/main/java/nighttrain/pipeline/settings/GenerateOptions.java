package nighttrain.pipeline.settings;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.Backend;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.GpuConfig;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.settings.Settings.Precision;

/**
 * A generation job: what was set, typed and checked.
 *
 * @param settings where all of this came from, for the record
 * @param model checkpoint directory, at this path on every node
 * @param dummyWeights random weights instead of the checkpoint's
 * @param engine what is asked of each executor's engine
 * @param sampling how tokens are drawn
 * @param seed seed of every random draw
 * @param stop texts that end an output
 * @param samples outputs per row
 * @param dedup compute identical requests once
 * @param prompts where prompts come from
 * @param input where rows come from
 * @param output where results go
 */
public record GenerateOptions(
        SettingValues settings,
        String model,
        boolean dummyWeights,
        EngineConfig engine,
        SamplingParams sampling,
        long seed,
        List<String> stop,
        int samples,
        boolean dedup,
        PromptOptions prompts,
        InputOptions input,
        OutputOptions output) {
    /** The most outputs per row. */
    public static final int MAX_SAMPLES = 1000;

    public GenerateOptions {
        stop = List.copyOf(stop);
        if (stop.contains("")) {
            throw UserError.of("bad value of --stop", "\"\"", "at least one character; leave it out for none");
        }
        if (samples < 1 || samples > MAX_SAMPLES) {
            throw UserError.of("bad value of --n", samples, "1 to " + MAX_SAMPLES + "; leave it out for 1");
        }
        if (dedup && !sampling.isGreedy()) {
            throw UserError.of(
                    "--dedup needs greedy sampling",
                    "temperature " + sampling.temperature(),
                    "each row samples a text of its own; leave out --dedup or --temperature");
        }
    }

    /**
     * Types and checks what was set.
     *
     * @throws UserError for anything missing, contradictory or out of range
     */
    public static GenerateOptions of(SettingValues values) {
        checkPrecision(values);
        return new GenerateOptions(
                values,
                values.get(Settings.MODEL),
                values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                engine(values),
                sampling(values),
                values.get(Settings.SEED),
                values.get(Settings.STOP),
                values.get(Settings.SAMPLES),
                values.get(Settings.DEDUP),
                PromptOptions.of(values),
                InputOptions.of(values),
                OutputOptions.of(values));
    }

    /** What is asked of an engine; the plugin reads it before any job is known. */
    public static EngineConfig engine(SettingValues values) {
        return new EngineConfig(
                values.get(Settings.BACKEND),
                values.get(Settings.RANKS),
                values.get(Settings.REPLICAS),
                values.get(Settings.MAX_NUM_SEQS),
                values.get(Settings.MAX_NUM_BATCHED_TOKENS),
                values.get(Settings.MAX_MODEL_LEN),
                values.get(Settings.PAGE_TOKENS),
                values.get(Settings.KV_PAGES),
                values.get(Settings.PREFIX_CACHE),
                values.get(Settings.THREADS),
                new GpuConfig(
                        List.of(),
                        values.get(Settings.GPU_MEMORY_UTILIZATION),
                        values.get(Settings.DETERMINISTIC),
                        false));
    }

    private static SamplingParams sampling(SettingValues values) {
        Optional<Integer> logprobs = values.find(Settings.LOGPROBS);
        if (logprobs.isPresent() && logprobs.get() < 0) {
            throw UserError.of(
                    "bad value of --logprobs",
                    logprobs.get(),
                    "0 to " + SamplingParams.MAX_LOGPROBS + "; leave it out for none");
        }
        return new SamplingParams(
                values.get(Settings.MAX_TOKENS),
                values.get(Settings.TEMPERATURE),
                values.get(Settings.TOP_K),
                values.get(Settings.TOP_P),
                values.get(Settings.MIN_P),
                values.get(Settings.REPETITION_PENALTY),
                values.get(Settings.PRESENCE_PENALTY),
                values.get(Settings.FREQUENCY_PENALTY),
                logprobs.orElse(-1),
                values.get(Settings.IGNORE_EOS),
                values.get(Settings.PROMPT_LOGPROBS));
    }

    /** Refuses a number format that the backend does not compute in. */
    public static void checkPrecision(SettingValues values) {
        if (values.get(Settings.DTYPE) == Precision.BF16 && values.get(Settings.BACKEND) != Backend.CUDA) {
            throw UserError.of(
                    "bad value of --dtype",
                    "bf16",
                    "the CPU computes in fp32; leave --dtype out, bf16 checkpoints are read all the same");
        }
        if (values.get(Settings.DTYPE) == Precision.FP32 && values.get(Settings.BACKEND) == Backend.CUDA) {
            throw UserError.of("bad value of --dtype", "fp32", "GPUs compute in bf16; leave --dtype out");
        }
    }
}
