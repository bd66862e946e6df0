package nighttrain.io.table;

/**
 * Tokens per second of the run that wrote the summary (a resumed run counts only what it computed itself).
 *
 * @param promptTokensPerS prompt tokens per second
 * @param outputTokensPerS output tokens per second
 * @param gpus GPUs used; 0 on CPUs
 */
public record Throughput(double promptTokensPerS, double outputTokensPerS, int gpus) {
    /** The rates of so many tokens in so many seconds; 0 where no time passed. */
    public static Throughput of(long promptTokens, long outputTokens, double seconds, int gpus) {
        double perToken = seconds > 0 ? 1 / seconds : 0;
        return new Throughput(promptTokens * perToken, outputTokens * perToken, gpus);
    }

    public double totalTokensPerS() {
        return promptTokensPerS + outputTokensPerS;
    }
}
