package nighttrain.executor.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.Goldens;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Loader.Projection;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests which parts of a Mamba-2 layer's tensors a rank gets if ranks share its groups: 8 heads of 8 in 2 groups, B and C of 5, hidden 32. */
class SharedGroupTest {
    private static final int HIDDEN = 32;
    private static final int VALUES = 64;
    private static final int OF_GROUPS = 10;
    private static final int CONVOLVED = VALUES + 2 * OF_GROUPS;

    /** The rows of {@code in_proj} are gates, values, B, C and steps; a rank orders them as values, B, C, gates and steps. */
    @ParameterizedTest
    @CsvSource({"4,0,0", "4,1,0", "4,2,1", "4,3,1", "8,5,1", "2,1,1", "1,0,0"})
    void aRankHasItsHeadsAndBAndCOfTheirGroup(int ranks, int rank, int group) throws Exception {
        int heads = 8 / ranks;
        int groups = ranks == 1 ? 2 : 1;
        int[] values = range(VALUES + rank * heads * 8, heads * 8);
        int[] in = range(2 * VALUES + group * 5, groups * 5);
        int[] read = range(2 * VALUES + OF_GROUPS + group * 5, groups * 5);
        int[] gates = range(rank * heads * 8, heads * 8);
        int[] steps = range(VALUES + CONVOLVED + rank * heads, heads);
        int[] rows = concatenated(values, in, read, gates, steps);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("granitemoehybrid-groups"));
                Device device = CpuDevice.ranks(1, 1).get(0)) {
            Loader loader =
                    new Loader(device, checkpoint, new Placement(0, 1, rank, ranks), CacheLayout.ofPages(16, 1), 64);
            Mamba2 mamba = (Mamba2) checkpoint.spec().layers().get(1).mixer();
            List<Projection> inputs = Mamba2Block.inputs(mamba);
            Matrix input = loader.byUnit("input", WeightFormat.PLAIN, inputs);
            float[] stored = read(checkpoint, "in_proj.weight", VALUES + CONVOLVED + 8, HIDDEN);
            float[] biases = read(checkpoint, "in_proj.bias", VALUES + CONVOLVED + 8);
            float[] outputs = ofUnitVectors(device, input, rows.length);
            for (int i = 0; i < rows.length; i++) {
                for (int column = 0; column < HIDDEN; column++) {
                    float one = stored[rows[i] * HIDDEN + column];
                    assertThat(outputs[column * rows.length + i]).isEqualTo(one + biases[rows[i]]);
                }
            }
            Convolution convolution = loader.convolution("convolution", mamba.convolution(), inputs.subList(0, 3));
            float[] weights = device.read(convolution.weights());
            float[] kept = read(checkpoint, "conv1d.weight", CONVOLVED, 1, 3);
            int[] channels = concatenated(values, in, read);
            assertThat(weights).hasSize(3 * channels.length);
            for (int i = 0; i < channels.length; i++) {
                for (int j = 0; j < 3; j++) {
                    assertThat(weights[j * channels.length + i]).isEqualTo(kept[(channels[i] - VALUES) * 3 + j]);
                }
            }
        }
    }

    private static float[] ofUnitVectors(Device device, Matrix matrix, int outputs) {
        Tensor units = device.tensor("units", 1, HIDDEN, HIDDEN);
        float[] identity = new float[HIDDEN * HIDDEN];
        IntStream.range(0, HIDDEN).forEach(i -> identity[i * HIDDEN + i] = 1);
        device.write(units, identity);
        Tensor out = device.tensor("out", 1, HIDDEN, outputs);
        device.ops().linear(out, units, matrix);
        return device.read(out);
    }

    private static float[] read(Checkpoint checkpoint, String name, long... shape) {
        float[] values = new float
                [(int) IntStream.range(0, shape.length).mapToLong(i -> shape[i]).reduce(1, (a, b) -> a * b)];
        checkpoint.tensor("model.layers.1.mamba." + name, shape).copyTo(0, values, 0, values.length);
        return values;
    }

    private static int[] range(int from, int count) {
        return IntStream.range(from, from + count).toArray();
    }

    private static int[] concatenated(int[]... parts) {
        List<Integer> all = new ArrayList<>();
        for (int[] part : parts) {
            IntStream.of(part).forEach(all::add);
        }
        return all.stream().mapToInt(Integer::intValue).toArray();
    }
}
