package nighttrain.pipeline.bench;

import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Setting;

/**
 * What one round asks of the engine.
 *
 * @param numPrompts prompts
 * @param inputLen tokens of a prompt, or the middle of its lengths
 * @param inputLenSpread share of {@code inputLen} by which a prompt may be shorter or longer, 0 to 1
 * @param outputLen tokens generated for each prompt
 * @param seed of lengths and tokens
 */
public record Workload(int numPrompts, int inputLen, double inputLenSpread, int outputLen, long seed) {
    private static final int WARM_UP_TOKENS = 32;

    public Workload {
        atLeast(1, numPrompts, BenchSettings.NUM_PROMPTS);
        atLeast(1, inputLen, BenchSettings.INPUT_LEN);
        atLeast(1, outputLen, BenchSettings.OUTPUT_LEN);
        if (inputLenSpread < 0 || inputLenSpread > 1) {
            throw UserError.of(
                    "bad value of " + BenchSettings.INPUT_LEN_SPREAD.option(),
                    inputLenSpread,
                    "0 to 1, a share of --input-len; leave it out for prompts of one length");
        }
    }

    static void atLeast(int least, int value, Setting<Integer> setting) {
        if (value < least) {
            String otherwise = setting.defaultValue().map(setting::print).orElseThrow();
            throw UserError.of(
                    "bad value of " + setting.option(), value, "at least " + least + "; leave it out for " + otherwise);
        }
    }

    /** Tokens of the shortest prompt that can come. */
    public int shortest() {
        return Math.max(1, inputLen - spread());
    }

    /** Tokens of the longest prompt that can come. */
    public long longest() {
        return (long) inputLen + spread();
    }

    private int spread() {
        return (int) (inputLen * inputLenSpread);
    }

    /**
     * Refuses what an engine would have to cut short.
     *
     * @param maxModelLen longest prompt plus output that the engine takes, in tokens
     * @param maxPositions longest that the model knows
     */
    void checkFits(int maxModelLen, int maxPositions) {
        long needed = longest() + outputLen;
        if (needed > maxModelLen) {
            String limit = needed <= maxPositions
                    ? "by --max-model-len; raise it, or lower"
                    : "the model's context being " + maxPositions + "; lower";
            throw UserError.of(
                    "prompt and output too long",
                    needed + " tokens",
                    "at most " + maxModelLen + ", " + limit + " --input-len or --output-len");
        }
    }

    /** A short one that meets what this one will: full batches of its prompts, and some steps of decoding. */
    Workload warmUp(int batch) {
        return new Workload(
                Math.min(numPrompts, batch), inputLen, inputLenSpread, Math.min(outputLen, WARM_UP_TOKENS), seed);
    }
}
