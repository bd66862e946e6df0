package nighttrain.executor.device;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;

/**
 * Weights of a linear layer, {@code [tracks, outputs, inputs]}, with an optional bias {@code [tracks, outputs]}, in the memory order that the device
 * multiplies fastest.
 */
public interface Matrix {
    int tracks();

    int outputs();

    int inputs();

    /** Number format of the weights. {@link Ops#linear} and {@link ExpertOps#linear} round their operand to it, too. */
    WeightFormat format();

    /** Source of a matrix's values while it is built. A row holds all inputs of one output. Safe for use by several threads. */
    interface Rows {
        /** Writes row {@code output} of {@code track} to {@code target[0 .. inputs)}. */
        void read(int track, int output, float[] target);

        /** Writes the same row, {@code inputs} long, as bf16, rounded to nearest even, from the target's position on. */
        default void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
            float[] row = new float[inputs];
            read(track, output, row);
            for (float value : row) {
                target.put(Bfloat16.of(value));
            }
        }

        /** Writes the same row as e4m3 from the target's position on, and returns its scale. */
        default float readE4m3(int track, int output, int inputs, ByteBuffer target) {
            float[] row = new float[inputs];
            read(track, output, row);
            return E4m3.quantize(row, target);
        }
    }
}
