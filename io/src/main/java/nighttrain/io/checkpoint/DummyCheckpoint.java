package nighttrain.io.checkpoint;

import java.nio.ShortBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.TensorSpec.Fill;

/** Random weights in the shape of a config, for comparing speeds without a checkpoint. */
final class DummyCheckpoint implements Checkpoint {
    private final Path dir;
    private final ModelSpec spec;
    private final Map<String, TensorSpec> tensors;

    DummyCheckpoint(Path dir, ModelSpec spec) {
        this.dir = dir;
        this.spec = spec;
        this.tensors = spec.tensors().stream().collect(Collectors.toMap(TensorSpec::name, Function.identity()));
    }

    @Override
    public ModelSpec spec() {
        return spec;
    }

    @Override
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        String where = "dummy weights of " + dir.resolve("config.json");
        TensorSpec found = tensors.get(name);
        if (found == null) {
            throw TensorChecks.missing(where, name, expectedShape);
        }
        CheckpointTensor tensor = new DummyTensor(found, DummyTensor.seed(name));
        TensorChecks.checkShape(where, tensor, expectedShape);
        return tensor;
    }

    @Override
    public String fingerprint() {
        return Fingerprint.ofDummy(dir);
    }

    @Override
    public void close() {
        // Nothing is open.
    }

    /**
     * Random values that depend only on the tensor's name and an element's index, so that every rank reads the same weights, in whatever pieces.
     */
    private record DummyTensor(TensorSpec spec, long seed) implements CheckpointTensor {
        private static final int PIECE = 1024;
        private static final int NEIGHBOURS = 4;

        static long seed(String name) {
            return UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).getMostSignificantBits();
        }

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
                case NORMAL ->
                    draws(from, count, (numbers, at, done, length) -> {
                        for (int i = 0; i < length; i++) {
                            target[targetOffset + done + i] = NormalQuantiles.VALUES[numbers[at + i] & 0xffff];
                        }
                    });
            }
        }

        @Override
        public void copyAsBfloat16(long from, ShortBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            if (spec.fill() != Fill.NORMAL) {
                CheckpointTensor.super.copyAsBfloat16(from, target, count);
                return;
            }
            draws(from, count, (numbers, at, done, length) -> {
                for (int i = at; i < at + length; i++) {
                    numbers[i] = NormalQuantiles.BFLOAT16[numbers[i] & 0xffff];
                }
                target.put(numbers, at, length);
            });
        }

        /** Takes the quantile numbers of {@code length} elements, which follow {@code done} others: {@code numbers} from {@code at} on. */
        private interface Piece {
            void take(short[] numbers, int at, int done, int length);
        }

        /**
         * Hashes quantile numbers: one hash serves four neighbours, 16 bits each. The loops run over arrays: most weights are made before the JIT
         * compiler is done, and until then a buffer call for each element takes several times as long.
         */
        private void draws(long from, int count, Piece each) {
            short[] numbers = new short[PIECE + NEIGHBOURS];
            int at = (int) (from % NEIGHBOURS);
            for (int done = 0; done < count; done += PIECE) {
                int length = Math.min(PIECE, count - done);
                long hash = (from + done) / NEIGHBOURS;
                for (int i = 0; i < at + length; i += NEIGHBOURS) {
                    long bits = mix(seed + hash++ * 0x9e3779b97f4a7c15L);
                    numbers[i] = (short) bits;
                    numbers[i + 1] = (short) (bits >>> 16);
                    numbers[i + 2] = (short) (bits >>> 32);
                    numbers[i + 3] = (short) (bits >>> 48);
                }
                each.take(numbers, at, done, length);
            }
        }

        // Finaliser of SplitMix64 (Steele, Lea, Flood 2014).
        private static long mix(long z) {
            long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
            long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
            return b ^ (b >>> 31);
        }
    }

    /** The normal distribution as 2^16 equally likely values: a table look-up turns 16 random bits into a sample. */
    private static final class NormalQuantiles {
        private static final float STANDARD_DEVIATION = 0.02f;

        static final float[] VALUES = values();
        static final short[] BFLOAT16 = bfloat16();

        private NormalQuantiles() {}

        private static float[] values() {
            float[] values = new float[1 << 16];
            int half = values.length / 2;
            for (int i = 0; i < half; i++) {
                double quantile = quantile((half + i + 0.5) / values.length);
                values[half + i] = STANDARD_DEVIATION * (float) quantile;
                values[half - 1 - i] = STANDARD_DEVIATION * (float) -quantile;
            }
            return values;
        }

        private static short[] bfloat16() {
            short[] rounded = new short[VALUES.length];
            for (int i = 0; i < rounded.length; i++) {
                rounded[i] = Bfloat16.of(VALUES[i]);
            }
            return rounded;
        }

        /** Approximates the normal quantile by Abramowitz and Stegun 26.2.23, for probabilities from 0.5; absolute error below 4.5e-4. */
        private static double quantile(double probability) {
            double t = Math.sqrt(-2 * Math.log(1 - probability));
            double above = 2.515517 + t * (0.802853 + t * 0.010328);
            double below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
            return t - above / below;
        }
    }
}
