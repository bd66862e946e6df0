package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.step.StepLimits;

/** Builds a step: holds its slices so far, and the rest of its limits. */
final class StepPlan {
    /** A sequence is compared with this many slices for common tokens. */
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
     * @param copies whether sequences may copy keys and values that other slices of the step compute
     * @param samplers running sequences that may sample a token: the remaining rows of logits are for scores
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

    /** Reserves a row of logits for another sequence that may sample; returns {@code false} if none is left. */
    boolean keepsRow() {
        if (scoredLeft == 0) {
            return false;
        }
        scoredLeft--;
        return true;
    }

    /** Returns the most of a sequence's pending tokens that still fit, with their scores. */
    int most(Sequence sequence) {
        int fitting = Math.min(Math.min(sequence.inReach(), longestChunk), tokensLeft);
        return sequence.tokensWithin(fitting, scoredLeft, maxScored);
    }

    /**
     * Returns the tokens behind a sequence's {@code shared} ones that the step already computes. They are fewer than a page, since a full page would
     * be shared. Looks at the latest slices, since texts that begin alike follow one another.
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

    /** Returns the last {@code count} tokens before the cut of {@code source}, if a slice ends there and computes all of them. */
    Optional<Step.Copied> tail(Sequence source, int count) {
        return IntStream.range(0, slices.size())
                .filter(i -> slices.get(i).sequence() == source)
                .filter(i -> slices.get(i).start() + slices.get(i).done() == source.cut())
                .filter(i -> slices.get(i).start() <= source.cut() - count && count <= copiesLeft)
                .mapToObj(i -> new Step.Copied(i, count))
                .findFirst();
    }

    /** Adds a sequence that begins where a slice ends and computes nothing in this step. */
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
