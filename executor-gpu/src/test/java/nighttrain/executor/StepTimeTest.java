package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.Forecast;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.Roofline;
import nighttrain.executor.perf.Roofline.Step;
import nighttrain.executor.perf.StepTime;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares measured steps and rounds (executor-gpu/BENCHMARKS.md) with their forecasts. */
class StepTimeTest {
    private static final AllReduceLatency TWO_RANKS = new AllReduceLatency(Map.of(
            2,
            Map.of(
                    8L << 10,
                    5.4e-6,
                    128L << 10,
                    5.5e-6,
                    512L << 10,
                    6.5e-6,
                    1L << 20,
                    8.0e-6,
                    2L << 20,
                    11.2e-6,
                    8L << 20,
                    30.6e-6,
                    32L << 20,
                    106.9e-6)));
    private static final HardwareProfile H100 =
            new HardwareProfile("NVIDIA H100", 80L << 30, 2.98e12, 783e12, 1.0, 0.85, 40e-6, TWO_RANKS, 2);
    private static final HardwareProfile H200 = new HardwareProfile(
            "NVIDIA H200", 140L << 30, 4.22e12, 790e12, 1.0, 0.85, 40e-6, AllReduceLatency.unknown(), 2);

    @ParameterizedTest
    @CsvSource({
        "dense-8b,     1, decode,  128, 2048, 17.82",
        "dense-8b,     1, prefill, 8192, 1024, 188",
        "dense-8b,     1, prefill, 8192, 8192, 206",
        "dense-30b,    2, prefill, 8192, 1024, 418.3",
        "dense-30b,    2, prefill, 8192, 4096, 433.3",
        "dense-30b,    2, decode,  1,   1088, 12.79",
        "dense-30b,    2, decode,  64,  1088, 15.60",
        "dense-30b,    2, decode,  256, 1088, 25.39",
        "dense-30b,    2, decode,  64,  4160, 21.78",
        "track-30b-d8, 2, prefill, 8192, 1024, 418.6",
        "track-30b-d8, 2, decode,  64,  1088, 15.00",
        "track-30b-d8, 2, decode,  256, 1088, 25.11",
        "ladder-30b,   2, prefill, 8192, 1024, 387.6",
        "ladder-30b,   2, decode,  64,  1088, 15.13",
        "kraken-30b,   2, decode,  64,  1088, 15.59",
        "kraken-30b,   2, decode,  256, 1088, 26.36",
    })
    void stepsOfH100s(String shape, int ranks, String kind, long size, double length, double measuredMs) {
        Step step = kind.equals("decode") ? Step.decode(size, length) : Step.prefill(size, length);
        double ms = 1e3 * new StepTime(shape(shape), ranks, H100).seconds(step);
        assertThat(ms / measuredMs).isCloseTo(1, within(0.08));
    }

    @ParameterizedTest
    @CsvSource({"1024, 128, 4165", "2048, 128, 2073", "128, 512, 20209"})
    void wholeRoundsOfAnH200(int promptTokens, int outputTokens, double measuredTokensPerS) {
        ModelSpec model = shape("dense-8b");
        EnginePlan plan = Engines.planOn(H200, 1, EngineConfig.defaults(), model);
        Forecast forecast = plan.forecast(new StepTime(model, 1, H200), alike(256, promptTokens, outputTokens));
        assertThat(forecast.outputTokens()).isEqualTo(256L * outputTokens);
        assertThat(forecast.outputTokens() / forecast.seconds() / measuredTokensPerS)
                .isCloseTo(1, within(0.1));
    }

    /** A decode step reads weights once and every state and key, and writes the states; states of 256 sequences move more bytes than the weights. */
    @Test
    void decodeStepsReadAndWriteStates() {
        double bytesPerSecond = 4e12;
        ModelSpec model = shape("qwen3.5-9b");
        Roofline roofline = new Roofline(model, 1, new PeakRates(bytesPerSecond, 1e18));
        double weights = 2.0 * (model.parameterCount() - (long) model.vocabSize() * model.hiddenSize());
        double states = 2.0 * 256 * 4 * model.stateElementsPerSequence();
        double keys = 2.0 * 256 * 1_000 * model.kvElementsPerToken();
        double bytes = roofline.seconds(Step.decode(256, 1_000)) * bytesPerSecond;
        assertThat(states).isGreaterThan(weights);
        assertThat(bytes / (weights + states + keys)).as("and activations").isBetween(1.0, 1.08);
        Roofline half = new Roofline(model.with(StateFormat.BF16), 1, new PeakRates(bytesPerSecond, 1e18));
        assertThat(bytes - half.seconds(Step.decode(256, 1_000)) * bytesPerSecond)
                .isCloseTo(states / 2, within(1e6));
        Roofline four = new Roofline(model, 4, new PeakRates(bytesPerSecond, 1e18));
        assertThat(four.seconds(Step.decode(256, 1_000)) * bytesPerSecond / bytes)
                .isBetween(0.25, 0.28);
        double longer = roofline.seconds(Step.decode(256, 16_000)) * bytesPerSecond;
        assertThat(longer - bytes).as("keys and values alone grow").isCloseTo(15 * keys, within(1e6));
    }

    /** A longer context adds its keys and values to a decode step, each with one byte of scale; the multiplications stay in bf16. */
    @Test
    void keysAndValuesOfEightBitsAreHalfTheBytes() {
        ModelSpec model = shape("dense-8b");
        double plain = ofContext(model, new PeakRates(1, 1e18));
        assertThat(plain).isCloseTo(2.0 * 2 * 32 * 8 * 128 * 256 * 1_000, within(1e3));
        assertThat(ofContext(model.with(KvFormat.Choice.FP8), new PeakRates(1, 1e18)) / plain)
                .isCloseTo(129 / 256.0, within(1e-6));
        PeakRates slow = new PeakRates(1e18, 1);
        assertThat(ofContext(model.with(KvFormat.Choice.FP8), slow)).isEqualTo(ofContext(model, slow));
    }

    private static double ofContext(ModelSpec model, PeakRates peak) {
        Roofline roofline = new Roofline(model, 1, peak);
        return roofline.seconds(Step.decode(256, 2_000)) - roofline.seconds(Step.decode(256, 1_000));
    }

    @Test
    void aSharedBeginningIsComputedOnce() {
        ModelSpec model = shape("dense-8b");
        EnginePlan plan = Engines.planOn(H200, 1, EngineConfig.defaults(), model);
        List<Forecast.Request> same = Collections.nCopies(512, new Forecast.Request(new int[1024], 8));
        Forecast forecast = plan.forecast(new StepTime(model, 1, H200), same);
        assertThat((double) forecast.cachedPromptTokens() / forecast.promptTokens())
                .isGreaterThan(0.4);
        assertThat(forecast.seconds())
                .isLessThan(0.7
                        * plan.forecast(new StepTime(model, 1, H200), alike(512, 1024, 8))
                                .seconds());
    }

    @Test
    void sumsThatTravelBesideModulesCostLess() {
        Step step = Step.decode(64, 1088);
        double dense = new StepTime(shape("dense-30b"), 2, H100).communicationSeconds(step);
        assertThat(new StepTime(shape("ladder-30b"), 2, H100).communicationSeconds(step))
                .isLessThan(dense / 10);
        assertThat(new StepTime(shape("dense-30b"), 1, H100).communicationSeconds(step))
                .isZero();
    }

    /** 36 of 40 layers all-reduce the squares of their only group of heads. */
    @Test
    void sumsWithinModulesAreWaitedFor() {
        double communication =
                new StepTime(shape("granite-4.0-h-micro"), 2, H100).communicationSeconds(Step.decode(256, 1_024));
        assertThat(communication)
                .isCloseTo(
                        80 * TWO_RANKS.seconds(2, 256 * 2_048 * 2) + 36 * TWO_RANKS.seconds(2, 256 * 4), within(1e-9));
    }

    @Test
    void sumsBetweenAndBeyondMeasuredSizes() {
        assertThat(TWO_RANKS.seconds(2, 100)).isEqualTo(5.4e-6);
        assertThat(TWO_RANKS.seconds(2, 5 << 20)).isCloseTo((11.2e-6 + 30.6e-6) / 2, within(1e-9));
        assertThat(TWO_RANKS.seconds(2, 56 << 20)).isCloseTo(106.9e-6 + 76.3e-6, within(1e-9));
        assertThat(TWO_RANKS.seconds(4, 100)).isEqualTo(5.4e-6);
        assertThat(TWO_RANKS.hasMeasured(4)).isFalse();
        assertThat(AllReduceLatency.unknown().isKnown()).isFalse();
    }

    @Test
    void memoryOfAGpuThatIsNotHere() {
        ModelSpec model = shape("dense-30b");
        GpuMemory one = Engines.memoryOn(H100, 1, EngineConfig.defaults(), model);
        GpuMemory two = Engines.memoryOn(H100, 2, EngineConfig.defaults(), model);
        assertThat(one.isUseful()).isFalse();
        assertThat(two.weightBytes()).isLessThan(one.weightBytes() * 6 / 10);
        assertThat(Engines.planOn(H100, 8, EngineConfig.defaults(), model).ranks())
                .isEqualTo(two.isUseful() ? 2 : 4);
        assertThatThrownBy(() -> Engines.planOn(H100, 1, EngineConfig.defaults(), model))
                .hasMessageContaining("model does not fit the GPUs: 5")
                .hasMessageContaining("use more GPUs");
    }

    @Test
    void theProcessorsHereAreMeasured() {
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new StepConfig(16, 0, 0))
                .with(new KvConfig(16, 64, true))
                .withThreads(1);
        HardwareProfile here = Engines.measured(config, Engines.plan(config, shape("dense-tiny")));
        assertThat(here.bytesPerSecond()).isBetween(1e6, 1e13);
        assertThat(here.flopsPerSecond()).isBetween(1e5, 1e14);
        assertThat(here.elementBytes()).isEqualTo(4);
        assertThat(here.allReduce().isKnown()).isFalse();
    }

    private static List<Forecast.Request> alike(int count, int promptTokens, int outputTokens) {
        return IntStream.range(0, count)
                .mapToObj(row -> new Forecast.Request(
                        IntStream.range(0, promptTokens).map(i -> row + i).toArray(), outputTokens))
                .toList();
    }

    private static ModelSpec shape(String name) {
        try (Checkpoint shape =
                Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", name))) {
            return shape.spec();
        }
    }
}
