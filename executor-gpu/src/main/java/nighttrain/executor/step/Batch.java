package nighttrain.executor.step;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The inputs of one step: tokens of several sequences, laid end to end, some a single token (decode), some a piece of a
 * prompt (prefill).
 *
 * @param tokens token ids, {@code [tokens]}; or {@link #sampledBefore}, where a token is still being sampled
 * @param positions each token's position in its own sequence, {@code [tokens]}
 * @param queryStarts where each sequence's tokens begin, and the end of the last, {@code [sequences + 1]}
 * @param pageTables each sequence's pages of the KV cache in order of position, {@code [sequences][at least needed]}
 * @param outputRows the tokens whose logits are wanted, ascending, {@code [samples]}
 * @param samples how to sample the token after each of these
 */
public record Batch(
        int[] tokens, int[] positions, int[] queryStarts, int[][] pageTables, int[] outputRows, List<SampleRequest> samples) {
    /** Stands for the token that sample {@code sample} of the step before will have sampled: the device fills it in. */
    public static int sampledBefore(int sample) {
        return ~sample;
    }

    /** Tokens in all. */
    public int size() {
        return tokens.length;
    }

    /** Sequences in all. */
    public int sequences() {
        return pageTables.length;
    }

    /** Whether every sequence has a single token and samples the next. */
    public boolean isDecode() {
        return tokens.length == pageTables.length
                && outputRows.length == tokens.length
                && samples.stream().allMatch(sample -> sample.given() == SampleRequest.NONE);
    }

    /** This decode step with more sequences, whose single tokens go to {@code scratchPage} and whose samples nobody reads. */
    public Batch padded(int size, int scratchPage) {
        int[] starts = IntStream.rangeClosed(0, size).toArray();
        int[][] tables = Arrays.copyOf(pageTables, size);
        Arrays.fill(tables, size(), size, new int[] {scratchPage});
        List<SampleRequest> all = new ArrayList<>(samples);
        all.addAll(Collections.nCopies(size - size(), SampleRequest.likeliest()));
        return new Batch(
                Arrays.copyOf(tokens, size),
                Arrays.copyOf(positions, size),
                starts,
                tables,
                IntStream.range(0, size).toArray(),
                all);
    }
}
