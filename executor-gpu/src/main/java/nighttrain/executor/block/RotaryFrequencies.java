package nighttrain.executor.block;

import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.io.spec.Attention.QueryScale;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;

/**
 * The angles of rotary position embedding (arXiv 2104.09864): position times {@code theta^(-2i / dims)}, scaled. Uses StrictMath, whose bits depend
 * neither on the machine nor on the compiler.
 */
final class RotaryFrequencies {
    private static final Rope NONE = new Rope(0, 1, new Scaling.None());

    private RotaryFrequencies() {}

    /** Returns tables for positions {@code 0 .. positions - 1}, without columns if there is no rope; and the scale of queries by position. */
    static Rotation tables(Device device, Optional<Rope> rope, Optional<QueryScale> queryScale, int positions) {
        Rope rotary = rope.orElse(NONE);
        int half = rotary.dims() / 2;
        float[] cos = new float[Math.multiplyExact(positions, half)];
        float[] sin = new float[cos.length];
        double factor = factor(rotary);
        double[] frequencies = IntStream.range(0, half)
                .mapToDouble(i -> frequency(rotary, i, positions))
                .toArray();
        // By rows, since by columns cores would write to the same cache lines.
        IntStream.range(0, positions).parallel().forEach(position -> {
            for (int i = 0; i < half; i++) {
                cos[position * half + i] = (float) (factor * StrictMath.cos(position * frequencies[i]));
                sin[position * half + i] = (float) (factor * StrictMath.sin(position * frequencies[i]));
            }
        });
        return new Rotation(
                device.constant("rope cosines", 1, positions, half, cos),
                device.constant("rope sines", 1, positions, half, sin),
                queryScale.map(scale -> device.constant("query scales", 1, positions, 1, scales(scale, positions))));
    }

    /**
     * Keeps the pairs of {@code heads} that turn by less than a radian over {@code positions}, as they are at position 0, and sets the others to 0. A
     * kept pair is at every position nearer to itself at position 0 than to 0.
     *
     * @param heads heads one after the other, {@code headDim} numbers each
     */
    static void keepWhatStays(float[] heads, int headDim, Optional<Rope> rope, int positions) {
        Rope rotary = rope.orElse(NONE);
        int half = rotary.dims() / 2;
        for (int i = 0; i < half; i++) {
            double kept = frequency(rotary, i, positions) * positions < 1 ? factor(rotary) : 0;
            for (int head = 0; head < heads.length; head += headDim) {
                heads[head + i] *= (float) kept;
                heads[head + half + i] *= (float) kept;
            }
        }
    }

    private static double factor(Rope rope) {
        if (rope.scaling() instanceof Scaling.LongRope longRope) {
            return longRope.attentionFactor();
        }
        return rope.scaling() instanceof Scaling.Yarn yarn ? yarn.attentionFactor() : 1;
    }

    private static float[] scales(QueryScale scale, int positions) {
        float[] scales = new float[positions];
        for (int position = 0; position < positions; position++) {
            scales[position] = (float) scale.at(position);
        }
        return scales;
    }

    /** Returns the angle by which pair {@code i} turns from one position to the next, in contexts of at most {@code positions}. */
    private static double frequency(Rope rope, int i, int positions) {
        double frequency = StrictMath.pow(rope.theta(), -2.0 * i / rope.dims());
        Scaling scaling = rope.scaling();
        if (scaling instanceof Scaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (scaling instanceof Scaling.Llama3 llama3) {
            return llama3(frequency, llama3);
        }
        if (scaling instanceof Scaling.Yarn yarn) {
            return yarn(frequency, i, rope, yarn);
        }
        if (scaling instanceof Scaling.LongRope longRope) {
            boolean isLong = positions > longRope.originalMaxPositions();
            return frequency / (isLong ? longRope.longFactors() : longRope.shortFactors()).get(i);
        }
        return frequency;
    }

    private static double llama3(double frequency, Scaling.Llama3 scaling) {
        double turns = scaling.originalMaxPositions() * frequency / (2 * Math.PI);
        double low = scaling.lowFrequencyFactor();
        double high = scaling.highFrequencyFactor();
        double kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return frequency * (kept + (1 - kept) / scaling.factor());
    }

    private static double yarn(double frequency, int i, Rope rope, Scaling.Yarn scaling) {
        double low = pairThatTurns(scaling.betaFast(), rope, scaling);
        double high = pairThatTurns(scaling.betaSlow(), rope, scaling);
        low = Math.max(0, scaling.truncate() ? Math.floor(low) : low);
        high = Math.min(rope.dims() - 1, scaling.truncate() ? Math.ceil(high) : high);
        double width = high == low ? 0.001 : high - low;
        double stretched = Math.min(1, Math.max(0, (i - low) / width));
        return frequency * (stretched / scaling.factor() + 1 - stretched);
    }

    /** Returns the number of the pair, a fraction, that turns {@code turns} times over the original context. */
    private static double pairThatTurns(double turns, Rope rope, Scaling.Yarn scaling) {
        return rope.dims()
                * StrictMath.log(scaling.originalMaxPositions() / (turns * 2 * Math.PI))
                / (2 * StrictMath.log(rope.theta()));
    }
}
