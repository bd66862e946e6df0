package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;

/**
 * A tensor in MXFP4 (OCP Microscaling Formats 1.0): 32 neighbours of a row share a power of two as their scale; each is an e2m1 number of 4 bits, the
 * even ones in the lower halves of bytes.
 *
 * @param name name of the tensor, which is stored as {@code name_blocks} and {@code name_scales}
 * @param blocks {@code [..., cols / 32, 16]}, bytes
 * @param scales {@code [..., cols / 32]}, exponents plus 127
 */
record Mxfp4Tensor(String name, MappedTensor blocks, MappedTensor scales, List<Long> shape)
        implements CheckpointTensor {
    static final String BLOCKS = "_blocks";
    static final String SCALES = "_scales";

    /** Numbers that share a scale. */
    static final int GROUP = 32;

    private static final int GROUP_BYTES = GROUP / 2;
    private static final int EXPONENT_BIAS = 127;
    private static final int NOT_A_NUMBER = 255;
    private static final float[] VALUES = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

    /** @throws nighttrain.io.UserError where blocks and scales do not form a tensor of this shape */
    static Mxfp4Tensor of(String name, MappedTensor blocks, MappedTensor scales, long... shape) {
        int last = shape.length - 1;
        long[] ofScales = Arrays.copyOf(shape, shape.length);
        ofScales[last] = (shape[last] + GROUP - 1) / GROUP;
        TensorChecks.checkShape(scales.file().path().toString(), scales, ofScales);
        TensorChecks.checkShape(
                blocks.file().path().toString(),
                blocks,
                LongStream.concat(Arrays.stream(ofScales), LongStream.of(GROUP_BYTES))
                        .toArray());
        return new Mxfp4Tensor(
                name, blocks, scales, Arrays.stream(shape).boxed().toList());
    }

    @Override
    public DType dtype() {
        return blocks.dtype();
    }

    @Override
    public void copyTo(long from, float[] target, int targetOffset, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        if (count == 0) {
            return;
        }
        long firstGroup = from / GROUP;
        int groups = (int) ((from + count - 1) / GROUP - firstGroup) + 1;
        byte[] exponents = bytes(scales, firstGroup, groups);
        byte[] numbers = bytes(blocks, firstGroup * GROUP_BYTES, groups * GROUP_BYTES);
        int skipped = (int) (from % GROUP);
        for (int i = 0; i < count; i++) {
            int at = skipped + i;
            int pair = numbers[at / 2];
            int number = (at % 2 == 0 ? pair : pair >> 4) & 0xf;
            target[targetOffset + i] = VALUES[number] * scale(exponents[at / GROUP] & 0xff);
        }
    }

    private static float scale(int exponent) {
        return exponent == NOT_A_NUMBER ? Float.NaN : Math.scalb(1f, exponent - EXPONENT_BIAS);
    }

    private static byte[] bytes(MappedTensor stored, long from, int count) {
        byte[] bytes = new byte[count];
        stored.copyBytes(from, ByteBuffer.wrap(bytes), count);
        return bytes;
    }
}
