package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import nighttrain.executor.Goldens;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.reference.Bfloat16Checkpoint;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares the forward pass on GPUs in bf16 with the CPU's in fp32, from the same bf16 weights. */
@Tag("gpu")
class GpuLogitsTest {
    private static final CudaBackend GPUS = new CudaBackend();

    /** Number of rounded passes that suffices for most models; {@link #MANY} covers those where rounding rarely changes a token's experts. */
    private static final int FEW = 8;

    private static final int MANY = 64;

    static Stream<Arguments> shapesAndRanks() {
        return Stream.of(Shapes.values()).flatMap(shape -> Stream.of(1, 2, 4).map(ranks -> Arguments.of(shape, ranks)));
    }

    @ParameterizedTest
    @MethodSource("shapesAndRanks")
    void everyArchitecture(Shapes shape, int ranks) {
        int[] ids = new Random(11).ints(23, 0, Shapes.VOCABULARY).toArray();
        Checkpoint checkpoint = new Bfloat16Checkpoint(RandomCheckpoint.of(shape.model()));
        check(checkpoint, ranks, ids);
    }

    @ParameterizedTest
    @MethodSource("nighttrain.executor.model.GoldenLogitsTest#checkpointsAndRanks")
    void everyFamily(String name, int ranks) {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            for (Golden golden : Goldens.of(name)) {
                check(new Bfloat16Checkpoint(checkpoint), ranks, golden.ids());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("nighttrain.executor.model.GoldenLogitsTest#checkpointsAndRanks")
    void everyFamilyInEightBits(String name, int ranks) {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name)).with(WeightFormat.Choice.FP8)) {
            check(checkpoint, ranks, Goldens.of(name).get(2).ids());
        }
    }

    /** Pages hold the same numbers on CPU and GPU except for the few that bf16 moves to the next 8-bit number. */
    @ParameterizedTest
    @MethodSource("nighttrain.executor.model.GoldenLogitsTest#checkpointsAndRanks")
    void everyFamilyWithPagesInEightBits(String name, int ranks) {
        try (Checkpoint exact = Checkpoints.open(Goldens.checkpoint(name))) {
            for (KvFormat.Choice format : List.of(KvFormat.Choice.FP8, KvFormat.Choice.INT8)) {
                Checkpoint rounded = exact.with(exact.spec().with(format));
                check(
                        new Bfloat16Checkpoint(rounded),
                        ranks,
                        Goldens.of(name).get(2).ids());
            }
        }
    }

    private static void check(Checkpoint checkpoint, int ranks, int[] ids) {
        assumeThat(GPUS.maxRanks()).isGreaterThanOrEqualTo(ranks);
        boolean fp8 = checkpoint.spec().weights() == WeightFormat.Choice.FP8;
        float[] expected =
                DecoderHarness.logits(checkpoint, fp8 ? ranks : 1, ids); // each rank's rows have their own scales
        float[] actual = DecoderHarness.logits(checkpoint, GPUS.open(ranks), ids);
        assertThat(actual).hasSameSizeAs(expected).doesNotContain(Float.NaN);
        LogitErrors errors = LogitErrors.of(expected, actual, ids.length);
        LogitErrors rounded = LogitErrors.ofRounding(checkpoint, ranks, FEW, expected, ids);
        if (!errors.isWithin(rounded, RoundedDevice.SLACK)) {
            rounded = LogitErrors.ofRounding(checkpoint, ranks, MANY, expected, ids);
        }
        assertThat(errors.whole()).as("of all logits").isLessThan(RoundedDevice.SLACK * rounded.whole());
        assertThat(errors.median()).as("of a token in the middle").isLessThan(RoundedDevice.SLACK * rounded.median());
    }
}
