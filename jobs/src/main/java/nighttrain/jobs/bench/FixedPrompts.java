package nighttrain.jobs.bench;

import java.util.List;

/**
 * Prompts that are given: a table's, say.
 *
 * @param tokens at least one prompt, of at least one token each
 * @param outputLen tokens generated for each prompt
 * @param maxConcurrency most requests under way at once; 0: as many as the engine takes
 */
public record FixedPrompts(List<int[]> tokens, int outputLen, int maxConcurrency) implements Workload {
    public FixedPrompts {
        tokens = List.copyOf(tokens);
        RandomWorkload.atLeast(1, tokens.size(), BenchSettings.NUM_PROMPTS);
        RandomWorkload.atLeast(1, outputLen, BenchSettings.OUTPUT_LEN);
        RandomWorkload.atLeast(0, maxConcurrency, BenchSettings.MAX_CONCURRENCY);
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

    /** Random tokens in these lengths: the prefix cache must not know the prompts before their round. */
    @Override
    public Workload warmUp(int batch) {
        int mean = (int)
                tokens.stream().mapToInt(prompt -> prompt.length).average().orElseThrow();
        return new RandomWorkload(
                Math.min(tokens.size(), batch), mean, 0, Math.min(outputLen, WARM_UP_TOKENS), maxConcurrency, 0);
    }
}
