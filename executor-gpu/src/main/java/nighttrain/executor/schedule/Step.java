package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.Copies;
import nighttrain.executor.step.Batch.StateCopies;
import nighttrain.executor.step.SampleRequest;

/**
 * The content of one forward pass: a slice of every sequence in it.
 *
 * @param forks sequences that begin where a slice ends
 * @param batch slices and forks as the device reads them
 */
public record Step(List<Slice> slices, List<Fork> forks, Batch batch) {
    static final Step NONE = of(List.of(), List.of(), StateCopies.NONE);

    /**
     * Tokens {@code start .. start + count - 1} of a sequence; if they reach its end, a token is sampled.
     *
     * @param samples whether a token is sampled after them
     * @param scoredFrom number of the first of the sequence's scores that are taken from them
     * @param scoredTo number after the last of these scores
     * @param life {@link Sequence#life} when the slice was planned
     * @param copied the tokens before {@code start} that another slice computes for it
     */
    public record Slice(
            Sequence sequence,
            int start,
            int count,
            boolean samples,
            int scoredFrom,
            int scoredTo,
            int life,
            Copied copied) {
        /** Returns whether the slice's results are still wanted. */
        boolean counts() {
            return life == sequence.life();
        }

        /** Number of scores taken from its tokens. */
        int scored() {
            return scoredTo - scoredFrom;
        }

        /** Number of the step's samples that belong to this slice. */
        int outputs() {
            return scored() + (samples ? 1 : 0);
        }

        /** Number of its tokens that need no further step: all, or all but the last if scores of the last are left to the next step. */
        int done() {
            return sequence.hasScore(scoredTo, start + count) ? count - 1 : count;
        }
    }

    /**
     * Tokens that two sequences of a step have at the same positions after the same tokens: one slice computes them, and their keys and values are
     * written to the pages of both.
     *
     * @param slice the number of the slice that computes them
     * @param count number of tokens
     */
    public record Copied(int slice, int count) {
        static final Copied NONE = new Copied(0, 0);
    }

    /**
     * A sequence that begins where a slice ends, inside a page. This step copies the keys and values in that page. The next step copies the state of
     * the slice's sequence and computes the fork's first tokens.
     *
     * @param copied the tokens in that page
     */
    public record Fork(Sequence sequence, Copied copied) {}

    public boolean isEmpty() {
        return slices.isEmpty();
    }

    /** Makes a step of these slices and forks, none of which counts as planned yet. */
    static Step of(List<Slice> slices, List<Fork> forks, StateCopies stateCopies) {
        return new Step(slices, forks, batch(slices, forks, stateCopies));
    }

    private static Batch batch(List<Slice> slices, List<Fork> forks, StateCopies stateCopies) {
        int size = slices.stream().mapToInt(Slice::count).sum();
        int[] tokens = new int[size];
        int[] positions = new int[size];
        int[] queryStarts = new int[slices.size() + 1];
        int[][][] pageTables = new int[slices.size()][][];
        int[] slots = new int[slices.size()];
        List<SampleRequest> samples = new ArrayList<>();
        int[] outputRows = new int[slices.stream().mapToInt(Slice::outputs).sum()];
        int row = 0;
        for (int s = 0; s < slices.size(); s++) {
            Slice slice = slices.get(s);
            for (int i = 0; i < slice.count(); i++) {
                tokens[row + i] = slice.sequence().tokenAt(slice.start() + i);
                positions[row + i] = slice.start() + i;
            }
            for (int i = slice.scoredFrom(); i < slice.scoredTo(); i++) {
                outputRows[samples.size()] = row + slice.sequence().scoredRow(i) - slice.start();
                samples.add(slice.sequence().score(i));
            }
            row += slice.count();
            queryStarts[s + 1] = row;
            pageTables[s] = slice.sequence().cache().pages();
            slots[s] = slice.sequence().cache().slot();
            if (slice.samples()) {
                outputRows[samples.size()] = row - 1;
                samples.add(slice.sequence().sample(slice.start() + slice.count()));
            }
        }
        return new Batch(
                tokens,
                positions,
                queryStarts,
                pageTables,
                slots,
                copies(slices, forks, queryStarts),
                stateCopies,
                outputRows,
                samples,
                0);
    }

    private static Copies copies(List<Slice> slices, List<Fork> forks, int[] queryStarts) {
        List<Fork> copying = Stream.concat(
                        slices.stream()
                                .filter(slice -> slice.copied().count() > 0)
                                .map(slice -> new Fork(slice.sequence(), slice.copied())),
                        forks.stream())
                .toList();
        if (copying.isEmpty()) {
            return Copies.NONE;
        }
        int size = copying.stream().mapToInt(fork -> fork.copied().count()).sum();
        int[] rows = new int[size];
        int[][][] pageTables = new int[size][][];
        int next = 0;
        for (Fork fork : copying) {
            int source = fork.copied().slice();
            int[][] pages = fork.sequence().cache().pages();
            int end = fork.sequence().computed();
            for (int i = end - fork.copied().count(); i < end; i++) {
                rows[next] = queryStarts[source] + i - slices.get(source).start();
                pageTables[next++] = pages;
            }
        }
        return new Copies(rows, pageTables);
    }
}
