package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.cache.CacheSpec.RecurrentState;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.executor.perf.Roofline;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks the shapes that speed comparisons use: their parameter counts agree within 1 %, their numbers of synchronisations differ. */
class ShapesTest {
    @ParameterizedTest
    @ValueSource(strings = {"6b", "13b", "30b"})
    void everyArchitectureHasTheSameParameters(String size) {
        long dense = ModelFootprint.of(shape("dense-" + size)).parameters();
        assertThat(dense / 1e9).isCloseTo(Double.parseDouble(size.replace("b", "")), within(0.5));
        Stream.of(
                        "parallel-%s",
                        "ladder-%s",
                        "track-%s-d2",
                        "track-%s-d4",
                        "track-%s-d8",
                        "kraken-%s",
                        "desync-%s",
                        "delayed-%s")
                .map(name -> ModelFootprint.of(shape(name.formatted(size))))
                .forEach(other -> assertThat((double) other.parameters() / dense)
                        .as(other.architecture())
                        .isCloseTo(1, within(0.01)));
    }

    @Test
    void llama8bHasItsPublishedParameters() {
        ModelSpec model = shape("dense-8b");
        assertThat(ModelFootprint.of(model).parameters()).isEqualTo(8_030_261_248L);
        assertThat(ModelFootprint.gpuBytesPerRank(model, 1)).isEqualTo(2 * 8_030_261_248L);
        long attention = 32L * 4_096 * (6_144 + 4_096);
        long feedForwards = 31L * 4_096 * (28_672 + 14_336);
        long scales = 32L * (6_144 + 4_096) + 31L * (28_672 + 4_096);
        assertThat(ModelFootprint.gpuBytesPerRank(model.with(WeightFormat.Choice.FP8), 1))
                .isEqualTo(2 * 8_030_261_248L - attention - feedForwards + 4 * scales);
        assertThat(model.kvElementsPerToken()).isEqualTo(2 * 32 * 8 * 128);
    }

    /** The first three counts are those their makers publish (30.5 B with 3.3 B active, 35 B with 3 B active, 20.9 B); the last two are by hand. */
    @ParameterizedTest
    @CsvSource({
        "qwen3-30b-a3b, 30532122624, 3353032704",
        "qwen3.5-35b-a3b, 34660610688, 3454988928",
        "gpt-oss-20b, 20914757184, 4187440704",
        "pt-moe-large, 147803703296, 15834122240",
        "pt-moe-small, 6794281984, 1584956416"
    })
    void mixturesHaveTheirPublishedParameters(String name, long parameters, long active) {
        ModelFootprint footprint = ModelFootprint.of(shape(name));
        assertThat(footprint.parameters()).isEqualTo(parameters);
        assertThat(footprint.activeParameters()).isEqualTo(active);
    }

    /** Every rank holds routers, embeddings and norms whole; experts, attention and head are split over ranks. */
    @Test
    void ranksShareExpertsAndHaveTheRouterWhole() {
        ModelSpec model = shape("qwen3-30b-a3b");
        long whole = 48L * (128 * 2048 + 2 * 2048 + 2 * 128) + 2048 + 151_936L * 2048;
        assertThat(ModelFootprint.parametersPerRank(model, 4)).isEqualTo(whole + (30_532_122_624L - whole) / 4);
        assertThat(ModelFootprint.gpuBytesPerRank(model, 1)).isEqualTo(2 * 30_532_122_624L);
    }

    /** In 8 bits a key or a value of 128 numbers takes 129 bytes. */
    @Test
    void keysAndValuesOfEightBitsTakeHalfAndTheirScales() {
        ModelSpec model = shape("dense-8b").with(KvFormat.Choice.FP8);
        assertThat(ModelFootprint.kvBytesPerRank(model, 1)).isEqualTo(2 * 32 * 8 * 129);
        assertThat(ModelFootprint.kvBytesPerRank(model, 4)).isEqualTo(2 * 32 * 2 * 129);
        assertThat(ModelFootprint.kvBytesPerRank(shape("dense-8b"), 1)).isEqualTo(2 * 32 * 8 * 256);
    }

    @Test
    void expertsInEightBitsTakeHalfButForTheLastOnes() {
        ModelSpec model = shape("qwen3-30b-a3b");
        long experts = 47L * 128 * (1_536 * 2_048 + 2_048 * 768);
        long attention = 48L * (5_120 * 2_048 + 2_048 * 4_096);
        long scales = 47L * 128 * (1_536 + 2_048) + 48L * (5_120 + 2_048);
        assertThat(ModelFootprint.gpuBytesPerRank(model.with(WeightFormat.Choice.FP8), 1))
                .isEqualTo(2 * 30_532_122_624L - experts - attention + 4 * scales);
    }

    /** With four key/value heads on eight ranks, each rank has one head and two ranks hold the same one. */
    @Test
    void moreRanksThanKeyHeadsHaveCopies() {
        ModelSpec model = shape("qwen3-30b-a3b");
        assertThat(ModelFootprint.kvBytesPerRank(model, 4)).isEqualTo(2 * model.kvElementsPerToken() / 4);
        assertThat(ModelFootprint.kvBytesPerRank(model, 8)).isEqualTo(2 * model.kvElementsPerToken() / 4);
        long whole = 48L * (128 * 2048 + 2 * 2048 + 2 * 128) + 2048 + 151_936L * 2048;
        long keysAndValues = 48L * 2 * 4 * 128 * 2048;
        assertThat(ModelFootprint.parametersPerRank(model, 8))
                .isEqualTo(whole + (30_532_122_624L - whole + keysAndValues) / 8);
    }

    /** A step reads weights once: those of all experts in a large step, those of the chosen experts in a step of one token. */
    @Test
    void rooflineCountsTheExpertsThatAreHit() {
        ModelSpec model = shape("qwen3-30b-a3b");
        double weights = new Roofline(model, 1, new PeakRates(1, 1e30)).seconds(Roofline.Step.decode(1, 1));
        assertThat(weights / 2).isCloseTo(3.353e9 - 151_936 * 2048, withinPercentage(1));
        double all = new Roofline(model, 1, new PeakRates(1, 1e30)).seconds(Roofline.Step.decode(128, 1));
        assertThat(all / 2).isBetween(30.2e9, 31.6e9);
        double flops = new Roofline(model, 1, new PeakRates(1e30, 1)).seconds(Roofline.Step.decode(1, 1));
        assertThat(flops / 2).isCloseTo(3.353e9 - 151_936 * 2048, withinPercentage(1));
    }

    /** In gpt-oss twelve of 24 layers attend to 128 positions; the other twelve attend to all. */
    @Test
    void rooflineCountsNoPositionsOutsideAWindow() {
        ModelSpec model = shape("gpt-oss-20b");
        double positions = 12 * 256 * (1_024 - 128);
        Roofline bytes = new Roofline(model, 1, new PeakRates(1, 1e30));
        assertThat(bytes.seconds(Roofline.Step.decode(256, 1_024)) - bytes.seconds(Roofline.Step.decode(256, 128)))
                .isCloseTo(positions * 2 * 8 * 64 * 2, withinPercentage(0.01));
        Roofline flops = new Roofline(model, 1, new PeakRates(1e30, 1));
        assertThat(flops.seconds(Roofline.Step.decode(256, 1_024)) - flops.seconds(Roofline.Step.decode(256, 128)))
                .isCloseTo(positions * 4 * 64 * 64, withinPercentage(0.01));
    }

    /** The hidden and MLP sizes of this shape are chosen to give the published number of parameters. */
    @Test
    void laneformer2bHasItsPublishedParameters() {
        assertThat(ModelFootprint.of(shape("laneformer-2b"))).satisfies(f -> {
            assertThat(f.parameters()).isEqualTo(2_320_069_632L);
            assertThat(f.blockingSyncs()).isEqualTo(1);
            assertThat(f.overlappedSyncs()).isEqualTo(26);
        });
    }

    /** The parameter counts are from transformers 5.24; states and KV follow from the published sizes. */
    @Test
    void hybridsHaveTheirPublishedParametersAndStates() {
        ModelFootprint small = ModelFootprint.of(shape("qwen3.5-9b"));
        assertThat(small.parameters()).isEqualTo(8_953_803_264L);
        assertThat(small.kvElementsPerToken()).isEqualTo(2 * 8 * 4 * 256);
        long convolutions = 24L * (2 * 2_048 + 4_096) * 3;
        assertThat(small.stateBytesPerSequence()).isEqualTo((48L << 20) + 4 * convolutions);
        ModelFootprint large = ModelFootprint.of(shape("qwen3.5-27b"));
        assertThat(large.parameters()).isEqualTo(26_895_998_464L);
        assertThat(large.kvElementsPerToken()).isEqualTo(2 * 16 * 4 * 256);
        assertThat(large.stateBytesPerSequence()).isEqualTo((144L << 20) + 4 * 48L * (2 * 2_048 + 6_144) * 3);
        ModelFootprint mixture = ModelFootprint.of(shape("qwen3.5-35b-a3b"));
        assertThat(mixture.kvElementsPerToken()).isEqualTo(2 * 10 * 2 * 256);
        assertThat(mixture.stateBytesPerSequence()).isEqualTo((60L << 20) + 4 * 30L * (2 * 2_048 + 4_096) * 3);
    }

    /** The hybrid of tracks has about as many parameters as the one without, the same state size and a sixteenth of the synchronisations. */
    @Test
    void hybridsOfTracksAndWithoutAreTwins() {
        ModelFootprint dense = ModelFootprint.of(shape("dense-hybrid-30b"));
        ModelFootprint tracks = ModelFootprint.of(shape("track-hybrid-30b"));
        assertThat(dense.parameters()).isEqualTo(29_933_882_368L);
        assertThat(tracks.parameters()).isEqualTo(29_851_454_464L);
        assertThat(tracks.kvElementsPerToken())
                .isEqualTo(dense.kvElementsPerToken())
                .isEqualTo(2 * 12 * 8 * 128);
        assertThat(tracks.stateBytesPerSequence())
                .isEqualTo(dense.stateBytesPerSequence())
                .isEqualTo((144L << 20) + 4 * 36L * (2 * 4_096 + 8_192) * 3);
        assertThat(dense.blockingSyncs()).isEqualTo(96);
        assertThat(tracks.blockingSyncs()).isEqualTo(6);
        ModelSpec track = shape("track-hybrid-30b");
        assertThat(track.layers().stream()
                        .map(layer -> layer.mixer() instanceof Attention ? "A" : "d")
                        .collect(Collectors.joining()))
                .isEqualTo("dddA".repeat(12));
        assertThat(track.parameters().stream()
                        .flatMap(one -> one.tensors().stream())
                        .map(tensor -> tensor.ofTrack(7).name()))
                .contains(
                        "model.tracks.7.layers.0.linear_attn.in_proj_qkv.weight",
                        "model.tracks.7.layers.3.self_attn.q_proj.weight");
    }

    /** The dense twin has the heads and experts of all tracks in one stream: the same parameters but for norms, and 8 times the synchronisations. */
    @Test
    void mixturesOfTracksAndWithoutAreTwins() {
        ModelFootprint dense = ModelFootprint.of(shape("dense-moe-large"));
        ModelFootprint tracks = ModelFootprint.of(shape("pt-moe-large"));
        long norms = 48L * 2 * (2_048 + 128);
        assertThat(tracks.parameters() - dense.parameters()).isEqualTo(7 * norms);
        assertThat(tracks.activeParameters() - dense.activeParameters()).isEqualTo(7 * norms);
        assertThat(tracks.kvElementsPerToken()).isEqualTo(dense.kvElementsPerToken());
        assertThat(dense.blockingSyncs()).isEqualTo(96);
        assertThat(tracks.blockingSyncs()).isEqualTo(12);
    }

    /** The published count is 3.19 billion parameters. */
    @Test
    void granite4HMicro() {
        ModelFootprint footprint = ModelFootprint.of(shape("granite-4.0-h-micro"));
        assertThat(footprint.parameters()).isEqualTo(3_191_396_096L);
        assertThat(footprint.kvElementsPerToken()).isEqualTo(2 * 4 * 8 * 64);
        assertThat(footprint.stateBytesPerSequence()).isEqualTo((72L << 20) + 4 * 36L * (4_096 + 256) * 3);
    }

    /** Every rank holds B and C of the only group and their convolution channels; each of 36 layers all-reduces one number per token. */
    @Test
    void ranksThatShareAGroupHaveCopies() {
        ModelSpec model = shape("granite-4.0-h-micro");
        long all = model.parameterCount();
        long whole = 100_352L * 2_048 + 81 * 2_048 + 36 * 4_096;
        long copied = 36L * 256 * (2_048 + 5);
        assertThat(ModelFootprint.parametersPerRank(model, 1)).isEqualTo(all);
        assertThat(ModelFootprint.parametersPerRank(model, 4)).isEqualTo(whole + (all - whole + 3 * copied) / 4);
        long states = (72L << 20) + 4 * 36L * (4_096 + 4 * 256) * 3;
        assertThat(CacheSpec.of(model, 4, 2, 4_096).stream()
                        .mapToLong(layer -> layer instanceof RecurrentState state ? state.bytes() : 0)
                        .sum())
                .isEqualTo(states);
        assertThat(ModelFootprint.of(model, 1)).satisfies(f -> {
            assertThat(f.blockingSyncs()).isEqualTo(80);
            assertThat(f.syncBytesPerToken()).isEqualTo(80 * 2 * 2_048);
        });
        assertThat(ModelFootprint.of(model, 4)).satisfies(f -> {
            assertThat(f.blockingSyncs()).isEqualTo(80 + 36);
            assertThat(f.syncBytesPerToken()).isEqualTo(80 * 2 * 2_048 + 36 * 4);
        });
    }

    /** Parameters of the authors' 1.3B shape are counted by hand. */
    @Test
    void gatedLinearAttention() {
        ModelFootprint footprint = ModelFootprint.of(shape("gla-1.3b"));
        assertThat(footprint.parameters()).isEqualTo(1_365_514_240L);
        assertThat(footprint.kvElementsPerToken()).isZero();
        assertThat(footprint.stateBytesPerSequence()).isEqualTo(4 * 24L * 4 * 256 * 512);
    }

    @Test
    void syncsPerToken() {
        assertThat(ModelFootprint.of(shape("dense-30b"))).satisfies(f -> {
            assertThat(f.blockingSyncs()).isEqualTo(96);
            assertThat(f.syncBytesPerToken()).isEqualTo(96 * 7168 * 2);
        });
        assertThat(ModelFootprint.of(shape("track-30b-d8")).blockingSyncs()).isEqualTo(6);
        assertThat(ModelFootprint.of(shape("kraken-30b"))).satisfies(f -> {
            assertThat(f.blockingSyncs()).isEqualTo(1);
            assertThat(f.overlappedSyncs()).isEqualTo(47);
        });
    }

    @Test
    void ranksShareTheLayers() {
        ModelSpec model = shape("track-30b-d8");
        long one = ModelFootprint.parametersPerRank(model, 1);
        long eight = ModelFootprint.parametersPerRank(model, 8);
        assertThat(one).isEqualTo(ModelFootprint.of(model).parameters());
        assertThat((double) one / eight).isBetween(7.0, 8.0);
    }

    private static ModelSpec shape(String name) {
        try (Checkpoint shape =
                Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", name))) {
            return shape.spec();
        }
    }
}
