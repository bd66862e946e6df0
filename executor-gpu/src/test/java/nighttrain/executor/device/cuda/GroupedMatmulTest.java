package nighttrain.executor.device.cuda;

import static nighttrain.io.spec.WeightFormat.FP8;
import static nighttrain.io.spec.WeightFormat.PLAIN;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.Noise;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Gated;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Tiling;
import nighttrain.executor.device.cuda.matmul.Rows;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares expert matmuls with float64 on bf16 values, for every kernel and tiling. Rows that belong to no expert stay unchanged. */
@Tag("gpu")
class GroupedMatmulTest {
    private static final int UNOWNED = 70;
    private static final float POISON = 12345;
    private static CudaContext context;
    private static Streams streams;
    private static KernelModules modules;

    @BeforeAll
    static void open() {
        CudaDevices.count();
        context = new CudaContext(0);
        context.makeCurrent();
        streams = new Streams();
        modules = new KernelModules(new CudaLibraries().compiler(context.architecture()));
    }

    @AfterAll
    static void close() {
        streams.drain();
        modules.close();
        streams.close();
        context.close(false);
    }

    static Stream<Arguments> cases() {
        // rows of the experts of every track; inputs, outputs, bias
        int[] edges = {0, 1, 15, 16, 17, 0, 63, 64, 65, 127, 129, 255, 256, 257, 300, 0};
        return Stream.of(
                Arguments.of(new int[][] {edges}, 200, 136, true),
                Arguments.of(new int[][] {edges}, 64, 264, false),
                Arguments.of(new int[][] {{0, 0, 1200, 0}}, 72, 8, true),
                Arguments.of(new int[][] {{0, 0, 0}}, 64, 64, false),
                Arguments.of(new int[][] {{3}}, 2880, 72, true),
                Arguments.of(new int[][] {new int[200], ones(200)}, 128, 128, false),
                Arguments.of(new int[][] {{5, 0, 90}, {0, 0, 31}, {530, 40, 0}}, 136, 400, true));
    }

    private static int[] ones(int count) {
        int[] ones = new int[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyExpertMultipliesItsRowsAlone(int[][] rows, int inputs, int outputs, boolean bias) {
        try (DeviceMemory memory = new DeviceMemory()) {
            Case it = new Case(memory, rows, inputs, outputs, bias, Optional.empty(), PLAIN);
            it.check(
                    "portable",
                    () -> GroupedMatmul.portable(context, modules, streams)
                            .run(it.out, it.x, it.matrix, it.offsets.address()));
            it.check(
                    "chosen",
                    () -> new GroupedMatmul(context, modules, streams, new Fp8Operands(modules, streams, memory))
                            .run(it.out, it.x, it.matrix, it.offsets.address()));
            it.checkHopper();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gatesAndUpsAreActivated(int[][] rows, int inputs, int outputs, boolean bias) {
        Gated activation = bias ? new Gated(1.702f, 7, 1) : Gated.SWIGLU;
        try (DeviceMemory memory = new DeviceMemory()) {
            new Case(memory, rows, inputs, 2 * outputs, bias, Optional.of(activation), PLAIN).checkHopper();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rowsOf8BitsAreScaled(int[][] rows, int inputs, int outputs, boolean bias) {
        int aligned = inputs / 16 * 16;
        try (DeviceMemory memory = new DeviceMemory()) {
            new Case(memory, rows, aligned, outputs, bias, Optional.empty(), FP8).checkHopper();
            new Case(memory, rows, aligned, 2 * outputs, bias, Optional.of(Gated.SWIGLU), FP8).checkHopper();
        }
    }

    /** The operands of one matmul on the host and on the GPU. */
    private static final class Case {
        private final Noise noise = new Noise();
        private final int[][] counts;
        private final int inputs;
        private final int outputs;
        private final Optional<Gated> activation;
        private final int rows;
        private final float[] values;
        private final float[] weights;
        private final float[] biases;
        private final CudaTensor x; // in bf16
        private final Rows operand;
        private final CudaTensor out;
        private final CudaMatrix matrix;
        private final DevicePointer offsets;
        private final double[] expected; // for the rows that belong to an expert

        Case(
                DeviceMemory memory,
                int[][] counts,
                int inputs,
                int outputs,
                boolean bias,
                Optional<Gated> activation,
                WeightFormat format) {
            this.counts = counts;
            this.inputs = inputs;
            this.outputs = outputs;
            this.activation = activation;
            int tracks = counts.length;
            int experts = counts[0].length;
            this.rows = UNOWNED
                    + Stream.of(counts)
                            .mapToInt(of -> IntStream.of(of).sum())
                            .max()
                            .orElseThrow();
            this.values = noise.normal(tracks * rows * inputs);
            this.weights = noise.normal(tracks * experts * outputs * inputs);
            this.biases = noise.normal(tracks * experts * outputs);
            this.x = tensor(memory, tracks, inputs);
            this.out = tensor(memory, tracks, activation.isPresent() ? outputs / 2 : outputs);
            this.offsets = memory.allocate("offsets", (long) tracks * (experts + 1) * Integer.BYTES);
            ByteBuffer starts = ByteBuffer.allocateDirect(tracks * (experts + 1) * Integer.BYTES)
                    .order(ByteOrder.nativeOrder());
            for (int track = 0; track < tracks; track++) {
                int start = 0;
                starts.putInt(start);
                for (int count : counts[track]) {
                    start += count;
                    starts.putInt(start);
                }
                Arrays.fill(values, (track * rows + start) * inputs, (track + 1) * rows * inputs, Float.NaN);
            }
            HostCopies.write(offsets, starts.rewind());
            DevicePointer b = memory.allocate("bias", (long) biases.length * CudaTensor.BF16);
            HostCopies.writeRounded(b, biases);
            int slabs = tracks * experts;
            CudaMatrix plain;
            if (format == FP8) {
                Operand codes = eightBits(memory, values, rows);
                Operand w = eightBits(memory, weights, outputs);
                this.operand = Rows.of(x, codes);
                plain = new CudaMatrix(slabs, outputs, inputs, FP8, w.codes(), w.scales(), 0, 0);
            } else {
                HostCopies.write(x, values);
                DevicePointer w = memory.allocate("weights", (long) weights.length * CudaTensor.BF16);
                HostCopies.writeRounded(w, weights);
                this.operand = Rows.of(x);
                plain = CudaMatrix.plain(slabs, outputs, inputs, w.address());
            }
            this.matrix = bias ? plain.withBias(b.address(), 0) : plain;
            this.expected = new double[tracks * rows * out.cols()];
            eachRow((slab, at) -> {
                for (int i = 0; i < out.cols(); i++) {
                    expected[at * out.cols() + i] =
                            activation.isPresent() ? activated(activation.get(), slab, at, i) : product(slab, at, i);
                }
            });
        }

        /** Calls {@code row(expert of all tracks, row of all tracks)} for every row that belongs to an expert. */
        private void eachRow(RowOfExpert each) {
            for (int track = 0; track < counts.length; track++) {
                int row = track * rows;
                for (int expert = 0; expert < counts[track].length; expert++) {
                    for (int end = row + counts[track][expert]; row < end; row++) {
                        each.accept(track * counts[0].length + expert, row);
                    }
                }
            }
        }

        @FunctionalInterface
        private interface RowOfExpert {
            void accept(int slab, int row);
        }

        /** Rounds rows to numbers of 8 bits. */
        private Operand eightBits(DeviceMemory memory, float[] numbers, int capacity) {
            ByteBuffer codes = ByteBuffer.allocateDirect(numbers.length);
            float[] scales = new float[numbers.length / inputs];
            for (int row = 0; row < scales.length; row++) {
                scales[row] = E4m3.quantize(Arrays.copyOfRange(numbers, row * inputs, (row + 1) * inputs), codes);
                for (int i = row * inputs; i < (row + 1) * inputs; i++) {
                    numbers[i] = E4m3.toFloat(codes.get(i)) * scales[row];
                }
            }
            DevicePointer places = memory.allocate("codes", numbers.length);
            DevicePointer factors = memory.allocate("scales", (long) scales.length * Float.BYTES);
            HostCopies.write(places, codes.rewind());
            HostCopies.write(factors, scales);
            return new Operand(places.address(), factors.address(), capacity, inputs);
        }

        private CudaTensor tensor(DeviceMemory memory, int tracks, int cols) {
            long stride = (long) (rows + 3) * cols / 8 * 8 + 8;
            DevicePointer base = memory.allocate("rows", tracks * stride * CudaTensor.BF16);
            return new CudaTensor(base, 0, 0, tracks, rows, cols, rows, stride, CudaTensor.BF16);
        }

        /** Checks every tiling on Hopper; all give the same bits. */
        void checkHopper() {
            HopperGroupedMatmul hopper =
                    HopperGroupedMatmul.on(context, modules, streams).orElseThrow();
            List<float[]> made = Stream.of(Tiling.values())
                    .map(tiling -> check(
                            tiling.toString(),
                            () -> hopper.run(out, operand, matrix, offsets.address(), activation, tiling)))
                    .toList();
            assertThat(made)
                    .as("a row's bits depend on no other rows, nor on how they are cut")
                    .allSatisfy(one -> assertThat(one).isEqualTo(made.get(0)));
        }

        /** Checks the output of a kernel and returns it. */
        float[] check(String kernel, Runnable work) {
            int cols = out.cols();
            float[] poison = new float[out.tracks() * rows * cols];
            Arrays.fill(poison, POISON);
            HostCopies.write(out, poison);
            work.run();
            streams.synchronize();
            float[] made = HostCopies.read(out);
            eachRow((slab, row) -> assertThat(error(made, row))
                    .as("%s: expert %d, row %d (seed %d)", kernel, slab, row, noise.seed)
                    .isLessThan(matrix.format() == FP8 ? 1e-2 : 5e-3));
            for (int track = 0; track < counts.length; track++) {
                int owned = IntStream.of(counts[track]).sum();
                assertThat(Arrays.copyOfRange(made, (track * rows + owned) * cols, (track + 1) * rows * cols))
                        .as("%s: rows of nobody", kernel)
                        .containsOnly(Bfloat16.toFloat(Bfloat16.of(POISON)));
            }
            return made;
        }

        private double error(float[] made, int row) {
            double off = 0;
            double size = 0;
            for (int i = row * out.cols(); i < (row + 1) * out.cols(); i++) {
                off += (made[i] - expected[i]) * (made[i] - expected[i]);
                size += expected[i] * expected[i];
            }
            return Math.sqrt(off / size);
        }

        private double activated(Gated gated, int slab, int row, int output) {
            double gate = Math.min(product(slab, row, output), gated.limit());
            double up = product(slab, row, out.cols() + output);
            return gate
                    / (1 + Math.exp(-gated.alpha() * gate))
                    * (Math.min(Math.max(up, -gated.limit()), gated.limit()) + gated.shift());
        }

        private double product(int slab, int row, int output) {
            double sum = matrix.biasAddress() == 0 ? 0 : biases[slab * outputs + output];
            for (int i = 0; i < inputs; i++) {
                sum += (double) weights[(slab * outputs + output) * inputs + i] * values[row * inputs + i];
            }
            return sum;
        }
    }
}
