package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.step.StepLimits;

/** A step in the making: its slices so far, and what is left of the limits. */
final class StepPlan {
    /** Slices among which a sequence looks for what it has in common with them. */
    private static final int LOOKED_AT = 16;

    private final List<Step.Slice> slices;
    private final List<Step.Fork> forks = new ArrayList<>();
    private final int longestChunk;
    private final int maxScored;
    private int tokensLeft;
    private int scoredLeft;
    private int copiesLeft;

    /**
     * @param longestChunk most tokens of one sequence
     * @param copies whether sequences may copy what others of the step compute
     * @param samplers running sequences that may sample a token: the rows of logits that they leave are for scores
     */
    StepPlan(StepLimits limits, int longestChunk, boolean copies, int expectedSlices, int samplers) {
        this.longestChunk = longestChunk;
        this.copiesLeft = copies ? limits.maxTokens() : 0;
        this.slices = new ArrayList<>(expectedSlices);
        this.tokensLeft = limits.maxTokens();
        this.maxScored = limits.maxScored();
        this.scoredLeft = limits.maxSamples() - samplers;
    }

    List<Step.Slice> slices() {
        return slices;
    }

    List<Step.Fork> forks() {
        return forks;
    }

    boolean hasTokensLeft() {
        return tokensLeft > 0;
    }

    /** Keeps a row of logits for another sequence that may sample, unless scores have taken them all. */
    boolean keepsRow() {
        if (scoredLeft == 0) {
            return false;
        }
        scoredLeft--;
        return true;
    }

    /** The most of a sequence's pending tokens that still fit, with their scores. */
    int most(Sequence sequence) {
        int fitting = Math.min(Math.min(sequence.inReach(), longestChunk), tokensLeft);
        return sequence.tokensWithin(fitting, scoredLeft, maxScored);
    }

    /**
     * What the step computes already of the tokens behind the {@code shared} whose pages a sequence shares: fewer than a page, or that page
     * were shared, too. The latest slices are looked at, since texts that begin alike come one after the other.
     */
    Step.Copied copied(Sequence sequence, int shared) {
        Step.Copied most = Step.Copied.NONE;
        int wanted = Math.min(sequence.adoptable() - 1 - shared, copiesLeft);
        int last = Math.max(0, slices.size() - LOOKED_AT);
        for (int i = slices.size() - 1; i >= last && most.count() < wanted; i--) {
            Step.Slice slice = slices.get(i);
            int end = slice.start() + slice.count();
            if (slice.start() <= shared && end > shared + most.count()) {
                int count = Math.min(Math.min(slice.sequence().sameAs(sequence), end) - shared, wanted);
                most = count > most.count() ? new Step.Copied(i, count) : most;
            }
        }
        return most;
    }

    /** The last {@code count} tokens before the cut of {@code source}, where a slice ends there and computes all of them. */
    Optional<Step.Copied> tail(Sequence source, int count) {
        return IntStream.range(0, slices.size())
                .filter(i -> slices.get(i).sequence() == source)
                .filter(i -> slices.get(i).start() + slices.get(i).done() == source.cut())
                .filter(i -> slices.get(i).start() <= source.cut() - count && count <= copiesLeft)
                .mapToObj(i -> new Step.Copied(i, count))
                .findFirst();
    }

    /** A sequence begins where a slice ends, and computes nothing in this step. */
    void fork(Sequence sequence, Step.Copied copied) {
        forks.add(new Step.Fork(sequence, copied));
        copiesLeft -= copied.count();
    }

    Step.Slice add(Sequence sequence, int count) {
        return add(sequence, count, Step.Copied.NONE);
    }

    Step.Slice add(Sequence sequence, int count, Step.Copied copied) {
        int scoredFrom = sequence.plannedScores();
        int scoredTo = scoredFrom;
        while (scoredTo - scoredFrom < scoredLeft && sequence.hasScore(scoredTo, sequence.computed() + count)) {
            scoredTo++;
        }
        boolean samples = sequence.samples() && count == sequence.pending();
        Step.Slice slice = new Step.Slice(
                sequence, sequence.computed(), count, samples, scoredFrom, scoredTo, sequence.life(), copied);
        slices.add(slice);
        copiesLeft -= copied.count();
        tokensLeft -= count;
        scoredLeft -= slice.scored();
        return slice;
    }

    void remove(Sequence sequence) {
        for (int i = slices.size() - 1; i >= 0; i--) {
            if (slices.get(i).sequence() == sequence) {
                tokensLeft += slices.get(i).count();
                scoredLeft += slices.remove(i).scored();
                return;
            }
        }
    }
}
