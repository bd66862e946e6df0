package nighttrain.jobs.bench;

import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Prompts of random tokens, none of which begins as another does: else the prefix cache would answer for the engine. The first
 * two tokens are a running number in base {@code vocabulary}, so the first token alone tells prompts apart until the vocabulary
 * is used up.
 */
public final class RandomPrompts {
    private final int vocabulary;
    private final long seed;
    private long made;

    public RandomPrompts(int vocabulary, long seed) {
        this.vocabulary = vocabulary;
        this.seed = seed;
    }

    /** A round's prompts: the same lengths every time, other tokens than any before. */
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
