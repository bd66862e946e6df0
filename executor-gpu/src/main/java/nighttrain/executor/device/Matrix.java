package nighttrain.executor.device;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;

/**
 * Weights of a linear layer, {@code [tracks, outputs, inputs]}, with an optional bias {@code [tracks, outputs]}, in whatever
 * order the device multiplies fastest.
 */
public interface Matrix {
    int tracks();

    int outputs();

    int inputs();

    /** What it is kept in; what {@link Ops#linear} and {@link ExpertOps#linear} multiply it by is then rounded to it, too. */
    WeightFormat format();

    /**
     * Where a matrix's values come from while it is built: one row, all inputs of one output, at a time. Safe for use by
     * several threads.
     */
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
