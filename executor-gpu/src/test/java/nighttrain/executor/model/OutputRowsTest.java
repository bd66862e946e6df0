package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.reference.Bfloat16Checkpoint;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.io.checkpoint.Checkpoint;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** After the last mixer a step computes only the rows that the head reads. Their logits equal those of a step in which the head reads all rows. */
class OutputRowsTest {
    private static final int[] IDS =
            new Random(17).ints(23, 0, Shapes.VOCABULARY).toArray();

    @ParameterizedTest
    @MethodSource("nighttrain.executor.model.GpuLogitsTest#shapesAndRanks")
    void areComputedAsAmongAll(Shapes shape, int ranks) {
        check(RandomCheckpoint.of(shape.model()), ranks, count -> CpuDevice.ranks(count, 1));
    }

    @Tag("gpu")
    @ParameterizedTest
    @MethodSource("nighttrain.executor.model.GpuLogitsTest#shapesAndRanks")
    void areComputedAsAmongAllOnGpus(Shapes shape, int ranks) {
        CudaBackend gpus = CudaBackend.deterministic();
        assumeThat(gpus.maxRanks()).isGreaterThanOrEqualTo(ranks);
        check(new Bfloat16Checkpoint(RandomCheckpoint.of(shape.model())), ranks, gpus::open);
    }

    private static void check(Checkpoint checkpoint, int ranks, IntFunction<List<Device>> devices) {
        float[] all = DecoderHarness.logits(checkpoint, devices.apply(ranks), IDS);
        for (int[] rows : new int[][] {{22}, {3, 11, 12, 22}, {}}) {
            float[] expected = new float[rows.length * Shapes.VOCABULARY];
            for (int i = 0; i < rows.length; i++) {
                System.arraycopy(all, rows[i] * Shapes.VOCABULARY, expected, i * Shapes.VOCABULARY, Shapes.VOCABULARY);
            }
            assertThat(DecoderHarness.logits(checkpoint, devices.apply(ranks), IDS, rows))
                    .as(Arrays.toString(rows))
                    .isEqualTo(expected);
        }
    }
}
