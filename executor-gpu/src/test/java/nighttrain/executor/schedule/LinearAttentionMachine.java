package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/**
 * A device whose model is one layer of linear attention (arXiv 2006.16236) with decay: {@code S = 0.9 S + v k^T, out = S q}, in the slot
 * of its sequence. A token follows from the bits of the output, so that any other state shows.
 */
final class LinearAttentionMachine {
    private static final int DIM = 4;
    private static final float[][] VECTORS = vectors();

    private final float[][] slots;
    private int[] sampledBefore = new int[0];

    /** Creates slots that hold NaN until a sequence uses them. */
    LinearAttentionMachine(int count) {
        slots = new float[count][DIM * DIM];
        for (float[] slot : slots) {
            Arrays.fill(slot, Float.NaN);
        }
    }

    /** Returns keys, values and queries of every token. */
    private static float[][] vectors() {
        Random random = new Random(5);
        float[][] vectors = new float[TokenMachine.VOCABULARY][3 * DIM];
        for (float[] ofToken : vectors) {
            for (int i = 0; i < ofToken.length; i++) {
                ofToken[i] = (float) random.nextGaussian();
            }
        }
        return vectors;
    }

    private static float[] step(float[] state, int token) {
        float[] of = VECTORS[token];
        float[] out = new float[DIM];
        for (int i = 0; i < DIM; i++) {
            for (int j = 0; j < DIM; j++) {
                state[i * DIM + j] = 0.9f * state[i * DIM + j] + of[DIM + i] * of[j];
                out[i] += state[i * DIM + j] * of[2 * DIM + j];
            }
        }
        return out;
    }

    private static int token(float[] out, long seed) {
        return Math.floorMod(Arrays.hashCode(out) * 31 + (int) seed, TokenMachine.VOCABULARY);
    }

    /** Returns the token after {@code tokens[0 .. length)}. */
    static int next(int[] tokens, int length, long seed) {
        float[] state = new float[DIM * DIM];
        float[] out = new float[DIM];
        for (int i = 0; i < length; i++) {
            out = step(state, tokens[i]);
        }
        return token(out, seed);
    }

    /** Copies states. A device may do so in any order, so no copy may write a slot that another reads or writes. */
    private void copy(List<SlotCopy> copies) {
        List<Integer> written = copies.stream().map(SlotCopy::to).toList();
        assertThat(written).doesNotHaveDuplicates();
        assertThat(copies).noneMatch(copy -> written.contains(copy.from()));
        copies.forEach(copy -> slots[copy.to()] = slots[copy.from()].clone());
    }

    List<SampledToken> run(Batch batch) {
        Stream.of(batch.stateCopies().saved(), batch.stateCopies().restored()).forEach(this::copy);
        float[][] outputs = new float[batch.size()][];
        for (int s = 0; s < batch.sequences(); s++) {
            float[] state = slots[batch.slots()[s]];
            if (batch.begins(s)) {
                Arrays.fill(state, 0);
            }
            for (int row = batch.queryStarts()[s]; row < batch.queryStarts()[s + 1]; row++) {
                int token = batch.tokens()[row];
                outputs[row] = step(state, token < 0 ? sampledBefore[~token] : token);
            }
        }
        List<SampledToken> sampled = new ArrayList<>();
        for (int i = 0; i < batch.outputRows().length; i++) {
            SampleRequest request = batch.samples().get(i);
            sampled.add(
                    request.given() == SampleRequest.NONE
                            ? new SampledToken(token(outputs[batch.outputRows()[i]], request.seed()), Optional.empty())
                            : new SampledToken(
                                    request.given(),
                                    Optional.of(new TokenLogprobs(request.given(), request.length(), List.of()))));
        }
        sampledBefore = sampled.stream().mapToInt(SampledToken::token).toArray();
        return sampled;
    }
}
