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
 * @param pageTables each sequence's pages of every group of layers in order of position, {@code [sequences][groups][at least needed]};
 *     those that no token of the step sees may be no pages
 * @param slots where each sequence's fixed state is, {@code [sequences]}; an empty state where the sequence begins with this step
 * @param copies keys and values that several sequences have
 * @param stateCopies states that are saved for other sequences, or theirs
 * @param outputRows the tokens whose logits are wanted, ascending, a token once for each of its samples, {@code [samples]}
 * @param samples how to sample the token after each of these
 * @param padding tokens at the end that only fill the step, and their sequences: nobody reads what comes of them
 */
public record Batch(
        int[] tokens,
        int[] positions,
        int[] queryStarts,
        int[][][] pageTables,
        int[] slots,
        Copies copies,
        StateCopies stateCopies,
        int[] outputRows,
        List<SampleRequest> samples,
        int padding) {
    /**
     * Tokens whose keys and values go to the pages of one more sequence, which has the same token there and the same before it.
     *
     * @param rows the tokens, {@code [copies]}
     * @param pageTables of the sequence whose pages they go to, which need not be in the step, {@code [copies][groups][at least needed]}
     */
    public record Copies(int[] rows, int[][][] pageTables) {
        public static final Copies NONE = new Copies(new int[0], new int[0][][]);

        public int size() {
            return rows.length;
        }
    }

    /**
     * States that are copied before the step computes. Within a list no copy writes a slot that another reads or writes.
     *
     * @param saved from slots of sequences to those of snapshots and of their forks, first
     * @param restored from slots of snapshots to those of sequences, after that
     */
    public record StateCopies(List<SlotCopy> saved, List<SlotCopy> restored) {
        public static final StateCopies NONE = new StateCopies(List.of(), List.of());
    }

    /** What all layers have in one slot goes to another. */
    public record SlotCopy(int from, int to) {}

    /** Without copies and padding. */
    public Batch(
            int[] tokens,
            int[] positions,
            int[] queryStarts,
            int[][][] pageTables,
            int[] slots,
            int[] outputRows,
            List<SampleRequest> samples) {
        this(tokens, positions, queryStarts, pageTables, slots, Copies.NONE, StateCopies.NONE, outputRows, samples, 0);
    }

    /** Of a model that has one group of layers and no fixed states. */
    public Batch(
            int[] tokens,
            int[] positions,
            int[] queryStarts,
            int[][] pageTables,
            int[] outputRows,
            List<SampleRequest> samples) {
        this(
                tokens,
                positions,
                queryStarts,
                Arrays.stream(pageTables).map(table -> new int[][] {table}).toArray(int[][][]::new),
                new int[pageTables.length],
                outputRows,
                samples);
    }

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

    /** Whether a sequence begins with this step: what its slot holds is another's. */
    public boolean begins(int sequence) {
        return positions[queryStarts[sequence]] == 0;
    }

    /** Whether every sequence has a single token and samples the next. */
    public boolean isDecode() {
        return tokens.length == pageTables.length
                && copies.size() == 0
                && outputRows.length == tokens.length
                && samples.stream().allMatch(sample -> sample.given() == SampleRequest.NONE);
    }

    /**
     * This decode step with more sequences, whose samples nobody reads.
     *
     * @param scratchPages where the keys and values of their single tokens go, one page of every group
     * @param scratchSlot where their states go
     */
    public Batch padded(int size, int[] scratchPages, int scratchSlot) {
        int[] starts = IntStream.rangeClosed(0, size).toArray();
        int[][][] tables = Arrays.copyOf(pageTables, size);
        int[][] scratch =
                Arrays.stream(scratchPages).mapToObj(page -> new int[] {page}).toArray(int[][]::new);
        Arrays.fill(tables, size(), size, scratch);
        int[] allSlots = Arrays.copyOf(slots, size);
        Arrays.fill(allSlots, size(), size, scratchSlot);
        List<SampleRequest> all = new ArrayList<>(samples);
        all.addAll(Collections.nCopies(size - size(), SampleRequest.likeliest()));
        return new Batch(
                Arrays.copyOf(tokens, size),
                Arrays.copyOf(positions, size),
                starts,
                tables,
                allSlots,
                Copies.NONE,
                stateCopies,
                IntStream.range(0, size).toArray(),
                all,
                size - size());
    }
}
