package nighttrain.executor.model;

import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Rotation;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.RopeScaling;

/** The angles of rotary position embedding (arXiv 2104.09864): position times {@code theta^(-2i / dims)}, scaled. */
final class RotaryFrequencies {
    private RotaryFrequencies() {}

    /** Tables for positions {@code 0 .. positions - 1}; of no columns where there is no rope. */
    static Rotation tables(Device device, Optional<Rope> rope, int positions) {
        Rope rotary = rope.orElse(new Rope(0, 1, new RopeScaling.None()));
        int half = rotary.dims() / 2;
        float[] cos = new float[Math.multiplyExact(positions, half)];
        float[] sin = new float[cos.length];
        // StrictMath: bits that depend neither on the machine nor on what is compiled. On all cores, since it is
        // slower.
        IntStream.range(0, half).parallel().forEach(i -> {
            double frequency = scaled(StrictMath.pow(rotary.theta(), -2.0 * i / rotary.dims()), rotary.scaling());
            for (int position = 0; position < positions; position++) {
                cos[position * half + i] = (float) StrictMath.cos(position * frequency);
                sin[position * half + i] = (float) StrictMath.sin(position * frequency);
            }
        });
        return new Rotation(
                device.constant("rope cosines", 1, positions, half, cos),
                device.constant("rope sines", 1, positions, half, sin));
    }

    private static double scaled(double frequency, RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (scaling instanceof RopeScaling.Llama3 llama3) {
            return llama3(frequency, llama3);
        }
        return frequency;
    }

    private static double llama3(double frequency, RopeScaling.Llama3 scaling) {
        double turns = scaling.originalMaxPositions() * frequency / (2 * Math.PI);
        double low = scaling.lowFrequencyFactor();
        double high = scaling.highFrequencyFactor();
        double kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return frequency * (kept + (1 - kept) / scaling.factor());
    }
}
