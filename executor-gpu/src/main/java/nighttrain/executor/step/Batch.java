package nighttrain.executor.step;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The inputs of one step: tokens of several sequences, one after the other. A sequence has a single token (decode) or a piece of a prompt (prefill).
 *
 * @param tokens token ids, {@code [tokens]}; {@link #sampledBefore} for a token that is still being sampled
 * @param positions each token's position in its own sequence, {@code [tokens]}
 * @param queryStarts where each sequence's tokens begin, and where the last one's end, {@code [sequences + 1]}
 * @param pageTables each sequence's pages of every group of layers in order of position, {@code [sequences][groups][at least needed]}; an entry that
 *     no token of the step sees may be invalid
 * @param slots the slot of each sequence's fixed state, {@code [sequences]}; the state is empty if the sequence begins with this step
 * @param copies keys and values that are also written to the pages of a second sequence
 * @param stateCopies states that are saved for other sequences, and saved states that sequences start from
 * @param outputRows the tokens whose logits are wanted, ascending, one entry per sample, {@code [samples]}
 * @param samples how to sample the token after each output row
 * @param padding number of tokens at the end that only fill the step, with a sequence each; their results are not read
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
     * Tokens whose keys and values are also written to the pages of a second sequence, which has the same tokens up to there.
     *
     * @param rows the tokens, {@code [copies]}
     * @param pageTables pages of the second sequence, which need not be in the step, {@code [copies][groups][at least needed]}
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
     * @param saved copies from slots of sequences to slots of snapshots and of forks; made first
     * @param restored copies from slots of snapshots to slots of sequences; made after {@code saved}
     */
    public record StateCopies(List<SlotCopy> saved, List<SlotCopy> restored) {
        public static final StateCopies NONE = new StateCopies(List.of(), List.of());
    }

    /** Copies one slot to another, in all layers. */
    public record SlotCopy(int from, int to) {}

    /** Makes a batch without copies and padding. */
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

    /** Makes a batch for a model that has one group of layers and no fixed states. */
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

    /** Returns the code of the token that sample {@code sample} of the step before is about to sample: the device fills the token in. */
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

    /** Returns whether a sequence begins with this step. Its slot then holds another sequence's state. */
    public boolean begins(int sequence) {
        return positions[queryStarts[sequence]] == 0;
    }

    /** Returns whether every sequence has a single token and samples the next. */
    public boolean isDecode() {
        return tokens.length == pageTables.length
                && copies.size() == 0
                && outputRows.length == tokens.length
                && samples.stream().allMatch(sample -> sample.given() == SampleRequest.NONE);
    }

    /**
     * Returns this decode step with more sequences, whose samples are not read.
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
