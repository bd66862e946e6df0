package nighttrain.executor.kv;

import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ModelConfig;

/**
 * How a KV cache is cut: {@code pages} pages of {@code pageTokens} tokens each.
 *
 * @param pageTokens tokens in one page
 * @param pages pages in all
 */
public record KvLayout(int pageTokens, int pages) {
    /**
     * The most pages that fit.
     *
     * @param budgetBytes memory to use
     * @param bytesPerElement size of one key or value
     * @param maxSequences more pages than this many sequences of {@code maxModelLen} tokens need are of no use
     */
    public static KvLayout fitting(
            ModelConfig model,
            int pageTokens,
            long budgetBytes,
            int bytesPerElement,
            int maxSequences,
            int maxModelLen) {
        long pageBytes = model.kvElementsPerToken() * bytesPerElement * pageTokens;
        long perSequence = pagesFor(maxModelLen, pageTokens);
        long pages = Math.min(budgetBytes / pageBytes, perSequence * maxSequences);
        if (pages < perSequence) {
            long fitting = budgetBytes / pageBytes * pageTokens;
            throw UserError.of(
                    "KV cache too small for one sequence",
                    maxModelLen + " tokens need " + mebibytes(perSequence * pageBytes) + " MiB",
                    mebibytes(budgetBytes) + " MiB are free, which hold " + fitting
                            + " tokens; lower --max-model-len or give the process more memory");
        }
        return new KvLayout(pageTokens, (int) Math.min(pages, Integer.MAX_VALUE));
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }

    /** Pages that {@code tokens} tokens fill, the last perhaps in part. */
    public static int pagesFor(int tokens, int pageTokens) {
        return (tokens + pageTokens - 1) / pageTokens;
    }
}
