package nighttrain.executor.device;

import java.util.Optional;

/** The equations of the operations, in float64. */
final class Formulas {
    private Formulas() {}

    static double[] wide(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    static double[] sum(float[] x, float[] y) {
        double[] sum = wide(x);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += y[i];
        }
        return sum;
    }

    /** Computes LayerNorm if there is a bias, else RMSNorm; {@code x [tracks, rows, cols]}, {@code weight [tracks, cols]}. */
    static double[] norm(double[] x, int rows, int cols, float[] weight, Optional<float[]> bias, double epsilon) {
        double[] out = new double[x.length];
        for (int start = 0; start < x.length; start += cols) {
            int w = start / cols / rows * cols;
            double mean = 0;
            for (int i = 0; i < cols && bias.isPresent(); i++) {
                mean += x[start + i] / cols;
            }
            double squares = 0;
            for (int i = 0; i < cols; i++) {
                squares += (x[start + i] - mean) * (x[start + i] - mean) / cols;
            }
            for (int i = 0; i < cols; i++) {
                double normed = (x[start + i] - mean) / Math.sqrt(squares + epsilon) * weight[w + i];
                out[start + i] = normed + (bias.isPresent() ? bias.get()[w + i] : 0);
            }
        }
        return out;
    }

    /** {@code x [tracks, rows, inputs]}, {@code weights [tracks, outputs, inputs]}, {@code bias [tracks, outputs]}. */
    static double[] linear(float[] x, float[] weights, float[] bias, int tracks, int rows, int inputs, int outputs) {
        double[] out = new double[tracks * rows * outputs];
        for (int i = 0; i < out.length; i++) {
            int output = i / outputs / rows * outputs + i % outputs;
            int from = i / outputs * inputs;
            double sum = bias[output];
            for (int c = 0; c < inputs; c++) {
                sum += (double) x[from + c] * weights[output * inputs + c];
            }
            out[i] = sum;
        }
        return out;
    }

    /** {@code gateUp [rows, 2 * cols]}. */
    static double[] siluMul(double[] gateUp, int cols) {
        double[] out = new double[gateUp.length / 2];
        for (int i = 0; i < out.length; i++) {
            double gate = gateUp[i / cols * 2 * cols + i % cols];
            out[i] = gate / (1 + Math.exp(-gate)) * gateUp[i / cols * 2 * cols + cols + i % cols];
        }
        return out;
    }

    /** As {@link #siluMul}. */
    static double[] geluMul(float[] gateUp, int cols) {
        double[] activated = gelu(gateUp);
        double[] out = new double[gateUp.length / 2];
        for (int i = 0; i < out.length; i++) {
            int gate = i / cols * 2 * cols + i % cols;
            out[i] = activated[gate] * gateUp[gate + cols];
        }
        return out;
    }

    static double[] gelu(float[] x) {
        double[] out = wide(x);
        for (int i = 0; i < out.length; i++) {
            double inner = Math.sqrt(2 / Math.PI) * (out[i] + 0.044715 * Math.pow(out[i], 3));
            out[i] = 0.5 * out[i] * (1 + Math.tanh(inner));
        }
        return out;
    }
}
