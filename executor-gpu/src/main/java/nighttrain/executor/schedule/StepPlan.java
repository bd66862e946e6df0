package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.step.StepLimits;

/** A step in the making: its slices so far, and what is left of the limits. */
final class StepPlan {
    private final List<Step.Slice> slices;
    private final int longestChunk;
    private final int maxScored;
    private int tokensLeft;
    private int scoredLeft;

    /**
     * @param longestChunk most tokens of one sequence
     * @param samplers running sequences that may sample a token: the rows of logits that they leave are for scores
     */
    StepPlan(StepLimits limits, int longestChunk, int expectedSlices, int samplers) {
        this.longestChunk = longestChunk;
        this.slices = new ArrayList<>(expectedSlices);
        this.tokensLeft = limits.maxTokens();
        this.maxScored = limits.maxScored();
        this.scoredLeft = limits.maxSamples() - samplers;
    }

    List<Step.Slice> slices() {
        return slices;
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
        int fitting = Math.min(Math.min(sequence.pending(), longestChunk), tokensLeft);
        return sequence.tokensWithin(fitting, scoredLeft, maxScored);
    }

    Step.Slice add(Sequence sequence, int count) {
        int scoredFrom = sequence.plannedScores();
        int scoredTo = scoredFrom;
        while (scoredTo - scoredFrom < scoredLeft && sequence.hasScore(scoredTo, sequence.computed() + count)) {
            scoredTo++;
        }
        boolean samples = sequence.samples() && count == sequence.pending();
        Step.Slice slice =
                new Step.Slice(sequence, sequence.computed(), count, samples, scoredFrom, scoredTo, sequence.life());
        slices.add(slice);
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
