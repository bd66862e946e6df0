package nighttrain.io.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import nighttrain.io.spec.TensorSpec;

/**
 * Random values that are a function of the tensor's name and an element's index alone, so that every rank, in whatever pieces
 * it reads, finds the same weights.
 */
record DummyTensor(TensorSpec spec) implements CheckpointTensor {
    private static final float STANDARD_DEVIATION = 0.02f;

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public List<Long> shape() {
        return spec.shape();
    }

    @Override
    public DType dtype() {
        return DType.F32;
    }

    @Override
    public void copyTo(long from, float[] target, int targetOffset, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        Objects.checkFromIndexSize(targetOffset, count, target.length);
        switch (spec.fill()) {
            case ONE -> Arrays.fill(target, targetOffset, targetOffset + count, 1);
            case ZERO -> Arrays.fill(target, targetOffset, targetOffset + count, 0);
            case NORMAL -> normal(from, target, targetOffset, count);
        }
    }

    private void normal(long from, float[] target, int targetOffset, int count) {
        long seed =
                UUID.nameUUIDFromBytes(name().getBytes(StandardCharsets.UTF_8)).getMostSignificantBits();
        float[] quantiles = NormalQuantiles.VALUES;
        for (int i = 0; i < count; i++) {
            long index = from + i;
            // One hash serves four neighbours, 16 bits each.
            long bits = mix(seed + (index >>> 2) * 0x9e3779b97f4a7c15L) >>> ((index & 3) << 4);
            target[targetOffset + i] = STANDARD_DEVIATION * quantiles[(int) bits & 0xffff];
        }
    }

    // Finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    private static long mix(long z) {
        long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
        return b ^ (b >>> 31);
    }
}
