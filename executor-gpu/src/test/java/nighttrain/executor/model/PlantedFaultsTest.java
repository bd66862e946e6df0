package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.reference.Textbook;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plants faults in a device: each would be a race or a wrong answer on a GPU, and the comparison with the reference must catch it on CPUs. */
class PlantedFaultsTest {
    private static final int[] IDS =
            new Random(11).ints(9, 0, Shapes.VOCABULARY).toArray();

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aForgottenAwaitIsCaught(Shapes shape) {
        double worst = worst(shape, device -> new TamperedSums(device, (ranks, sum) -> () -> sum.in()));
        assertThat(worst).isGreaterThan(1e-2);
    }

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aBufferChangedInFlightIsCaught(Shapes shape) {
        double worst = worst(
                shape,
                device -> new TamperedSums(device, (ranks, sum) -> {
                    Pending real = sum.start(ranks);
                    if (ranks.rank() == 1) {
                        device.ops().add(sum.in(), sum.in());
                    }
                    return real;
                }));
        assertThat(worst).isGreaterThan(1e-2);
    }

    /** Rank 1 reads the neighbouring rows of one projection of one layer. */
    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aWrongSliceOfOneWeightIsCaught(Shapes shape) {
        double worst = worst(shape, device -> new WrongSlice(device));
        assertThat(worst).isGreaterThan(1e-2);
    }

    /** Tests on GPUs allow 1.5 times the error that rounding causes; this fault causes more than 3 times that error, so they catch it. */
    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aWrongSliceIsFartherThanRounding(Shapes shape) {
        int[] ids = new Random(11).ints(23, 0, Shapes.VOCABULARY).toArray();
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        float[] expected = DecoderHarness.logits(checkpoint, 2, ids);
        float[] spoiled = DecoderHarness.logits(checkpoint, 2, device -> new WrongSlice(device), ids);
        double rounded = LogitErrors.ofRounding(checkpoint, 2, 8, expected, ids).median();
        assertThat(rounded).isBetween(1e-3, 0.2);
        assertThat(LogitErrors.of(expected, spoiled, ids.length).median()).isGreaterThan(3 * rounded);
    }

    private static double worst(Shapes shape, UnaryOperator<Device> fault) {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        double[][] expected = new Textbook(checkpoint).logits(IDS);
        assertThat(ReferenceTest.worst(expected, DecoderHarness.logits(checkpoint, 2, IDS)))
                .as("without the fault")
                .isLessThan(1e-3);
        return ReferenceTest.worst(expected, DecoderHarness.logits(checkpoint, 2, fault, IDS));
    }

    private static final class WrongSlice extends PassingDevice {
        WrongSlice(Device real) {
            super(real);
        }

        @Override
        public Matrix matrix(
                String role,
                int tracks,
                int outputs,
                int inputs,
                Matrix.Rows rows,
                Optional<float[]> bias,
                WeightFormat format) {
            return super.matrix(role, tracks, outputs, inputs, spoiled(role, outputs, rows), bias, format);
        }

        private Matrix.Rows spoiled(String role, int outputs, Matrix.Rows rows) {
            boolean here = role.equals("down of layer 1") && communicator().rank() == 1;
            return here ? (track, output, target) -> rows.read(track, (output + 1) % outputs, target) : rows;
        }
    }
}
