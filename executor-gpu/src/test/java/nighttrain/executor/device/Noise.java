package nighttrain.executor.device;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.io.checkpoint.Bfloat16;

/**
 * Random inputs. Those of {@link #normal} are exact in bf16, so that every backend and the reference see the same numbers. All are the same in
 * every run, so that only a change of code changes the result of a build; {@code -Dnighttrain.seed=N} tries others.
 */
public final class Noise {
    public final long seed = Long.getLong("nighttrain.seed", 1);
    private final Random random = new Random(seed);

    public float[] normal(int count) {
        return normal(count, 0, 1);
    }

    public float[] normal(int count, double mean, double spread) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = Bfloat16.toFloat(Bfloat16.of((float) (mean + spread * random.nextGaussian())));
        }
        return values;
    }

    /** Returns fp32 values that are not rounded, as logits are not; equal values are very unlikely. */
    public float[] logits(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (3 * random.nextGaussian());
        }
        return values;
    }

    public int below(int bound) {
        return random.nextInt(bound);
    }

    public int[] tokens(int count, int vocabulary) {
        return random.ints(count, 0, vocabulary).toArray();
    }

    /** Returns {@code 0 .. count - 1} in random order. */
    public int[] shuffled(int count) {
        List<Integer> order =
                new java.util.ArrayList<>(IntStream.range(0, count).boxed().toList());
        java.util.Collections.shuffle(order, random);
        return order.stream().mapToInt(Integer::intValue).toArray();
    }
}
