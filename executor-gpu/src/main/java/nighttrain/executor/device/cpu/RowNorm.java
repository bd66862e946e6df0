package nighttrain.executor.device.cpu;

import nighttrain.executor.device.Ops.Norm;

/** RMSNorm and LayerNorm of one row; {@code out} may be {@code x}. */
final class RowNorm {
    private RowNorm() {}

    static void run(float[] out, int o, float[] x, int i, int cols, Norm norm, int track) {
        CpuTensor weight = (CpuTensor) norm.weight();
        if (norm.bias().isPresent()) {
            layer(out, o, x, i, cols, weight, (CpuTensor) norm.bias().get(), weight.row(track, 0), norm.epsilon());
        } else {
            rms(out, o, x, i, cols, weight.data(), weight.row(track, 0), norm.epsilon());
        }
    }

    static void rms(float[] out, int o, float[] x, int i, int cols, float[] weight, int w, float epsilon) {
        float sum = InnerLoops.CHOSEN.sumOfSquares(x, i, cols);
        float inverse = (float) (1 / Math.sqrt(sum / cols + epsilon));
        InnerLoops.CHOSEN.scale(out, o, x, i, cols, inverse, weight, w);
    }

    private static void layer(
            float[] out, int o, float[] x, int i, int cols, CpuTensor weight, CpuTensor bias, int w, float epsilon) {
        double sum = 0;
        for (int c = 0; c < cols; c++) {
            sum += x[i + c];
        }
        double mean = sum / cols;
        double squares = 0;
        for (int c = 0; c < cols; c++) {
            squares += (x[i + c] - mean) * (x[i + c] - mean);
        }
        double inverse = 1 / Math.sqrt(squares / cols + epsilon);
        for (int c = 0; c < cols; c++) {
            out[o + c] = (float) ((x[i + c] - mean) * inverse) * weight.data()[w + c] + bias.data()[w + c];
        }
    }
}
