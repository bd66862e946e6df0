package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Random;
import java.util.function.BiFunction;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Pending;
import nighttrain.executor.device.Recorder;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.reference.Textbook;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Mutations of the seam: each would be a race or a wrong answer on a GPU, and must be caught by the reference test here. */
class PlantedFaultsTest {
    private static final int[] IDS =
            new Random(11).ints(9, 0, Shapes.VOCABULARY).toArray();

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aForgottenAwaitIsCaught(Shapes shape) {
        double worst = worst(shape, device -> new Tampered(device, (ranks, sum) -> () -> sum.in));
        assertThat(worst).isGreaterThan(1e-2);
    }

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void aBufferChangedInFlightIsCaught(Shapes shape) {
        double worst = worst(
                shape,
                device -> new Tampered(device, (ranks, sum) -> {
                    Pending real = sum.start(ranks);
                    if (ranks.rank() == 1) {
                        device.kernels().add(sum.in, sum.in);
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

    private static double worst(Shapes shape, java.util.function.UnaryOperator<Device> fault) {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        double[][] expected = new Textbook(checkpoint).logits(IDS);
        assertThat(ReferenceTest.worst(expected, DecoderHarness.logits(checkpoint, 2, IDS)))
                .as("without the fault")
                .isLessThan(1e-3);
        return ReferenceTest.worst(expected, DecoderHarness.logits(checkpoint, 2, fault, IDS));
    }

    private record Sum(Tensor out, Tensor in, float scale) {
        Pending start(Communicator ranks) {
            return out == in ? ranks.allReduce(in) : ranks.allReduce(out, in, scale);
        }
    }

    /** Everything as the device underneath, for subclasses to spoil one thing. */
    private static class Passing implements Device {
        final Device real;

        Passing(Device real) {
            this.real = real;
        }

        @Override
        public Kernels kernels() {
            return real.kernels();
        }

        @Override
        public Communicator communicator() {
            return real.communicator();
        }

        @Override
        public Tensor tensor(String role, int tracks, int rows, int cols) {
            return real.tensor(role, tracks, rows, cols);
        }

        @Override
        public Tensor logits(String role, int rows, int cols) {
            return real.logits(role, rows, cols);
        }

        @Override
        public Tensor constant(String role, int tracks, int rows, int cols, float[] values) {
            return real.constant(role, tracks, rows, cols, values);
        }

        @Override
        public Tensor table(String role, int rows, int cols, Matrix.Rows values) {
            return real.table(role, rows, cols, values);
        }

        @Override
        public Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
            return real.matrix(role, tracks, outputs, inputs, rows);
        }

        @Override
        public Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows, float[] bias) {
            return real.matrix(role, tracks, outputs, inputs, rows, bias);
        }

        @Override
        public KvPages kvPages(String role, int tracks, int pages, int pageTokens, int kvHeads, int headDim) {
            return real.kvPages(role, tracks, pages, pageTokens, kvHeads, headDim);
        }

        @Override
        public void write(Tensor tensor, float[] values) {
            real.write(tensor, values);
        }

        @Override
        public Optional<Recorder> recorder() {
            return real.recorder();
        }

        @Override
        public float[] read(Tensor tensor) {
            return real.read(tensor);
        }

        @Override
        public void close() {
            real.close();
        }
    }

    private static final class WrongSlice extends Passing {
        WrongSlice(Device real) {
            super(real);
        }

        @Override
        public Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
            return super.matrix(role, tracks, outputs, inputs, spoiled(role, outputs, rows));
        }

        @Override
        public Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows, float[] bias) {
            return super.matrix(role, tracks, outputs, inputs, spoiled(role, outputs, rows), bias);
        }

        private Matrix.Rows spoiled(String role, int outputs, Matrix.Rows rows) {
            boolean here =
                    role.equals("mlp.down_proj of layer 1") && communicator().rank() == 1;
            return here ? (track, output, target) -> rows.read(track, (output + 1) % outputs, target) : rows;
        }
    }

    private static final class Tampered extends Passing {
        private final BiFunction<Communicator, Sum, Pending> allReduce;

        Tampered(Device real, BiFunction<Communicator, Sum, Pending> allReduce) {
            super(real);
            this.allReduce = allReduce;
        }

        @Override
        public Communicator communicator() {
            Communicator ranks = real.communicator();
            return new Communicator() {
                @Override
                public int rank() {
                    return ranks.rank();
                }

                @Override
                public int size() {
                    return ranks.size();
                }

                @Override
                public Pending allReduce(Tensor out, Tensor in, float scale) {
                    return allReduce.apply(ranks, new Sum(out, in, scale));
                }

                @Override
                public Pending allReduce(Tensor part) {
                    return allReduce.apply(ranks, new Sum(part, part, 1f));
                }

                @Override
                public Tensor gatherRows(Tensor whole, Tensor part) {
                    return ranks.gatherRows(whole, part);
                }

                @Override
                public long waitedNanos() {
                    return ranks.waitedNanos();
                }
            };
        }
    }
}
