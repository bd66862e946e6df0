package nighttrain.jobs.bench;

import java.io.Serializable;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import nighttrain.io.UserError;

/** The prompts and output lengths of one round. */
public sealed interface Workload extends Serializable {
    /** Most output tokens of each request in a warm-up. */
    int WARM_UP_TOKENS = 32;

    /** Number of prompts in a round. */
    int numPrompts();

    /** Tokens of the longest possible prompt. */
    long longest();

    /** Tokens generated for each prompt. */
    int outputLen();

    /** Most requests in flight at once; 0: as many as the engine accepts. */
    int maxConcurrency();

    /** Returns a round's prompts as token ids; random ones are taken from {@code random}. */
    List<int[]> prompts(RandomPrompts random);

    /** Returns a short workload that runs what this one runs: full batches, prompts as long, and a few decode steps. */
    Workload warmUp(int batch);

    /**
     * Refuses a workload whose outputs an engine would cut short.
     *
     * @param maxModelLen longest prompt plus output that the engine accepts, in tokens
     * @param maxPositions longest context of the model, in tokens
     */
    default void checkFits(int maxModelLen, int maxPositions) {
        long needed = longest() + outputLen();
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

    /**
     * Prompts of random tokens.
     *
     * @param numPrompts number of prompts
     * @param inputLen tokens of a prompt, or the middle of the range of lengths
     * @param inputLenSpread share of {@code inputLen} by which a prompt may be shorter or longer, 0 to 1
     * @param outputLen tokens generated for each prompt
     * @param maxConcurrency most requests in flight at once; 0: as many as the engine accepts
     * @param seed seed of lengths and tokens
     */
    record RandomWorkload(
            int numPrompts, int inputLen, double inputLenSpread, int outputLen, int maxConcurrency, long seed)
            implements Workload {
        public RandomWorkload {
            WorkloadSettings.atLeast(1, numPrompts, WorkloadSettings.NUM_PROMPTS);
            WorkloadSettings.atLeast(1, inputLen, WorkloadSettings.INPUT_LEN);
            WorkloadSettings.atLeast(1, outputLen, WorkloadSettings.OUTPUT_LEN);
            WorkloadSettings.atLeast(0, maxConcurrency, WorkloadSettings.MAX_CONCURRENCY);
            if (inputLenSpread < 0 || inputLenSpread > 1) {
                throw UserError.of(
                        "bad value of " + WorkloadSettings.INPUT_LEN_SPREAD.option(),
                        inputLenSpread,
                        "0 to 1, a share of --input-len; leave it out for prompts of one length");
            }
        }

        /** Tokens of the shortest possible prompt. */
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

    /**
     * Given prompts, such as those of a table.
     *
     * @param tokens at least one prompt, of at least one token each
     * @param outputLen tokens generated for each prompt
     * @param maxConcurrency most requests in flight at once; 0: as many as the engine accepts
     */
    record FixedPrompts(List<int[]> tokens, int outputLen, int maxConcurrency) implements Workload {
        public FixedPrompts {
            tokens = List.copyOf(tokens);
            WorkloadSettings.atLeast(1, tokens.size(), WorkloadSettings.NUM_PROMPTS);
            WorkloadSettings.atLeast(1, outputLen, WorkloadSettings.OUTPUT_LEN);
            WorkloadSettings.atLeast(0, maxConcurrency, WorkloadSettings.MAX_CONCURRENCY);
        }

        @Override
        public int numPrompts() {
            return tokens.size();
        }

        @Override
        public long longest() {
            return tokens.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
        }

        @Override
        public List<int[]> prompts(RandomPrompts random) {
            return tokens;
        }

        /** Returns random prompts of the mean length: the prefix cache must not know the real prompts before their round. */
        @Override
        public Workload warmUp(int batch) {
            int mean = (int)
                    tokens.stream().mapToInt(prompt -> prompt.length).average().orElseThrow();
            return new RandomWorkload(
                    Math.min(tokens.size(), batch), mean, 0, Math.min(outputLen, WARM_UP_TOKENS), maxConcurrency, 0);
        }
    }

    /**
     * Prompts of random tokens without common prefixes, since the prefix cache would serve those instead of the engine. The first two tokens are a
     * running number in base {@code vocabulary}, so the first token alone tells prompts apart until the vocabulary is used up.
     */
    final class RandomPrompts {
        private final int vocabulary;
        private final long seed;
        private long made;

        public RandomPrompts(int vocabulary, long seed) {
            this.vocabulary = vocabulary;
            this.seed = seed;
        }

        /** Returns a round's prompts: the same lengths in every round, different tokens each time. */
        public List<int[]> of(RandomWorkload workload) {
            Random lengths = new Random(seed);
            int shortest = workload.shortest();
            int lengthsPossible = (int) (workload.longest() - shortest) + 1;
            return IntStream.range(0, workload.numPrompts())
                    .mapToObj(i -> prompt(shortest + lengths.nextInt(lengthsPossible)))
                    .toList();
        }

        private int[] prompt(int length) {
            long number = made++;
            int[] tokens = new SplittableRandom(seed * 31 + number)
                    .ints(length, 0, vocabulary)
                    .toArray();
            tokens[0] = Math.floorMod(seed + number, vocabulary);
            if (length > 1) {
                tokens[1] = Math.floorMod(seed + number / vocabulary, vocabulary);
            }
            return tokens;
        }
    }
}
