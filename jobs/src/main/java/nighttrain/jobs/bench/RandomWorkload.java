package nighttrain.jobs.bench;

import java.util.List;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Setting;

/**
 * Prompts of random tokens.
 *
 * @param numPrompts prompts
 * @param inputLen tokens of a prompt, or the middle of its lengths
 * @param inputLenSpread share of {@code inputLen} by which a prompt may be shorter or longer, 0 to 1
 * @param outputLen tokens generated for each prompt
 * @param maxConcurrency most requests under way at once; 0: as many as the engine takes
 * @param seed of lengths and tokens
 */
public record RandomWorkload(
        int numPrompts, int inputLen, double inputLenSpread, int outputLen, int maxConcurrency, long seed)
        implements Workload {
    public RandomWorkload {
        atLeast(1, numPrompts, BenchSettings.NUM_PROMPTS);
        atLeast(1, inputLen, BenchSettings.INPUT_LEN);
        atLeast(1, outputLen, BenchSettings.OUTPUT_LEN);
        atLeast(0, maxConcurrency, BenchSettings.MAX_CONCURRENCY);
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

    @Override
    public long longest() {
        return (long) inputLen + spread();
    }

    private int spread() {
        return (int) (inputLen * inputLenSpread);
    }

    @Override
    public List<int[]> prompts(RandomPrompts random) {
        return random.of(this);
    }

    @Override
    public RandomWorkload warmUp(int batch) {
        return new RandomWorkload(
                Math.min(numPrompts, batch),
                inputLen,
                inputLenSpread,
                Math.min(outputLen, WARM_UP_TOKENS),
                maxConcurrency,
                seed);
    }
}
