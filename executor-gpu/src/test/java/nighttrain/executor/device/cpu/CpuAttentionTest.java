package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;
import java.util.Random;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rotation, paging and attention together against a textbook version in float64. */
class CpuAttentionTest {
    private static final int LENGTH = 29;

    private final Random random = new Random(7);

    @ParameterizedTest
    @CsvSource({
        // tracks, heads, kv heads, head dim, window, page tokens, chunk
        "1, 4, 2, 8, 0, 16, 29",
        "1, 4, 4, 16, 0, 4, 5",
        "2, 2, 1, 6, 0, 3, 7",
        "1, 6, 2, 12, 8, 5, 1",
        "3, 3, 3, 10, 1, 8, 4",
    })
    void agreesWithFloat64(int tracks, int heads, int kvHeads, int headDim, int window, int pageTokens, int chunk) {
        AttentionShape shape = new AttentionShape(heads, kvHeads, headDim, window);
        float[][][] inputs = new float[tracks][LENGTH][shape.qkvCols()];
        for (float[][] track : inputs) {
            for (float[] row : track) {
                for (int i = 0; i < row.length; i++) {
                    row[i] = (float) random.nextGaussian();
                }
            }
        }
        double[][][] angles = angles(headDim);
        float[][][] actual = engine(inputs, shape, angles, pageTokens, chunk);
        for (int t = 0; t < tracks; t++) {
            double[][] expected = textbook(inputs[t], shape, angles);
            for (int row = 0; row < LENGTH; row++) {
                for (int c = 0; c < shape.queryCols(); c++) {
                    assertThat((double) actual[t][row][c]).isCloseTo(expected[row][c], within(2e-5));
                }
            }
        }
    }

    private static double[][][] angles(int headDim) {
        double[][][] cosSin = new double[2][LENGTH][headDim / 2];
        for (int p = 0; p < LENGTH; p++) {
            for (int i = 0; i < headDim / 2; i++) {
                cosSin[0][p][i] = Math.cos(p * Math.pow(100, -2.0 * i / headDim));
                cosSin[1][p][i] = Math.sin(p * Math.pow(100, -2.0 * i / headDim));
            }
        }
        return cosSin;
    }

    private static float[][][] engine(
            float[][][] inputs, AttentionShape shape, double[][][] angles, int pageTokens, int chunk) {
        int tracks = inputs.length;
        float[][][] out = new float[tracks][LENGTH][];
        int pages = (LENGTH + pageTokens - 1) / pageTokens;
        int[] pageTable = new int[pages];
        for (int i = 0; i < pages; i++) {
            pageTable[i] = pages - 1 - i;
        }
        try (Device device = CpuDevice.ranks(1, 2).get(0)) {
            KvPages kv = device.kvPages("kv", tracks, pages, pageTokens, shape.kvHeads(), shape.headDim());
            Rotation rotation = new Rotation(table(device, angles[0]), table(device, angles[1]));
            for (int start = 0; start < LENGTH; start += chunk) {
                int count = Math.min(chunk, LENGTH - start);
                int[] positions =
                        java.util.stream.IntStream.range(start, start + count).toArray();
                Kernels kernels = device.kernels();
                kernels.begin(new Batch(
                        new int[count],
                        positions,
                        new int[] {0, count},
                        new int[][] {pageTable},
                        new int[0],
                        List.of()));
                Tensor qkv = CpuTensor.zeros(tracks, count, shape.qkvCols());
                for (int t = 0; t < tracks; t++) {
                    for (int r = 0; r < count; r++) {
                        System.arraycopy(
                                inputs[t][start + r],
                                0,
                                ((CpuTensor) qkv).data(),
                                ((CpuTensor) qkv).row(t, r),
                                shape.qkvCols());
                    }
                }
                CpuTensor result = CpuTensor.zeros(tracks, count, shape.queryCols());
                java.util.Arrays.fill(result.data(), Float.NaN);
                kernels.rotateAndStore(qkv, kv, shape, rotation, Optional.empty());
                kernels.attention(result, qkv, kv, shape);
                for (int t = 0; t < tracks; t++) {
                    for (int r = 0; r < count; r++) {
                        out[t][start + r] = java.util.Arrays.copyOfRange(
                                result.data(), result.row(t, r), result.row(t, r) + shape.queryCols());
                    }
                }
            }
        }
        return out;
    }

    private static Tensor table(Device device, double[][] values) {
        float[] flat = new float[values.length * values[0].length];
        for (int p = 0; p < values.length; p++) {
            for (int i = 0; i < values[p].length; i++) {
                flat[p * values[p].length + i] = (float) values[p][i];
            }
        }
        return device.constant("angles", 1, values.length, values[0].length, flat);
    }

    private static double[][] textbook(float[][] inputs, AttentionShape shape, double[][][] angles) {
        int d = shape.headDim();
        double[][] out = new double[LENGTH][shape.queryCols()];
        for (int head = 0; head < shape.heads(); head++) {
            int kvHead = head / (shape.heads() / shape.kvHeads());
            for (int row = 0; row < LENGTH; row++) {
                double[] q = rotated(inputs[row], head * d, d, row, angles);
                int first = shape.window() == 0 ? 0 : Math.max(0, row - shape.window() + 1);
                double[] weights = new double[row + 1];
                double sum = 0;
                for (int j = first; j <= row; j++) {
                    double[] k = rotated(inputs[j], shape.queryCols() + kvHead * d, d, j, angles);
                    double dot = 0;
                    for (int c = 0; c < d; c++) {
                        dot += q[c] * k[c];
                    }
                    weights[j] = Math.exp(dot / Math.sqrt(d));
                    sum += weights[j];
                }
                for (int j = first; j <= row; j++) {
                    int v = shape.queryCols() + shape.kvCols() + kvHead * d;
                    for (int c = 0; c < d; c++) {
                        out[row][head * d + c] += weights[j] / sum * inputs[j][v + c];
                    }
                }
            }
        }
        return out;
    }

    private static double[] rotated(float[] row, int start, int headDim, int position, double[][][] angles) {
        int half = headDim / 2;
        double[] out = new double[headDim];
        for (int i = 0; i < half; i++) {
            double cos = angles[0][position][i];
            double sin = angles[1][position][i];
            out[i] = row[start + i] * cos - row[start + half + i] * sin;
            out[half + i] = row[start + half + i] * cos + row[start + i] * sin;
        }
        return out;
    }
}
