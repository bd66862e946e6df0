package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Engines;
import nighttrain.executor.Layout;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.reference.Textbook;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Wiring;
import nighttrain.io.spec.Wiring.Combine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares every architecture of the papers with its equations in float64, and architectures with one another where they must agree. */
class ReferenceTest {
    private static final int[] IDS =
            new Random(11).ints(23, 0, Shapes.VOCABULARY).toArray();

    static Stream<Arguments> shapesAndRanks() {
        return Stream.of(Shapes.values())
                .flatMap(shape -> Stream.of(1, 2, 4, 8)
                        .filter(ranks -> ranks < 8 || shape == Shapes.EIGHT_TRACKS) // the others have four heads
                        .map(ranks -> Arguments.of(shape, ranks)));
    }

    @ParameterizedTest
    @MethodSource("shapesAndRanks")
    void logitsFollowTheEquations(Shapes shape, int ranks) {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        assertThat(worst(new Textbook(checkpoint).logits(IDS), DecoderHarness.logits(checkpoint, ranks, IDS)))
                .isLessThan(1e-3);
    }

    @ParameterizedTest
    @MethodSource("shapesAndRanks")
    void greedyTextFollowsTheEquations(Shapes shape, int ranks) throws Exception {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, ranks))
                .with(new StepConfig(4, 16, 0))
                .with(new KvConfig(8, 0, true))
                .withThreads(2);
        try (Engine engine = Engines.open(config, checkpoint);
                Engine.Session session = engine.session()) {
            session.offer(new GenerationRequest(1, IDS, SamplingParams.greedy(24), 1, Set.of(), StopCheck.NEVER));
            int[] text = session.poll(Duration.ofSeconds(30)).orElseThrow().tokens();
            assertThat(text).hasSize(24).isEqualTo(new Textbook(checkpoint).choices(IDS, text));
        }
    }

    @Test
    void theReferencesDifferFromOneAnother() {
        double[][] dense = textbook(Wiring.dense());
        assertThat(worst(dense, flat(textbook(Wiring.ladder(4))))).isGreaterThan(0.1);
        assertThat(worst(dense, flat(textbook(Wiring.ladder(2))))).isGreaterThan(0.1);
        assertThat(worst(dense, flat(textbook(Wiring.parallelBlock())))).isGreaterThan(0.1);
    }

    @Test
    void ladderOfNoLayerIsDense() {
        assertThat(engine(Wiring.ladder(0), 2)).isEqualTo(engine(Wiring.dense(), 2));
    }

    @Test
    void oneTrackIsDense() {
        float[] dense = DecoderHarness.logits(RandomCheckpoint.of(model(Wiring.dense())), 1, IDS);
        for (Combine combine : Combine.values()) {
            Wiring oneTrack = Wiring.parallelTrack(1, 2, combine);
            assertThat(DecoderHarness.logits(new NamedLikeDense(RandomCheckpoint.of(model(oneTrack))), 1, IDS))
                    .isEqualTo(dense);
        }
    }

    @Test
    void krakenOfOneTrackIsDensePlusItsJoin() {
        int d = model(Wiring.dense()).hiddenSize();
        float[] identity = new float[d * d];
        IntStream.range(0, d).forEach(i -> identity[i * d + i] = 1);
        RandomCheckpoint kraken = RandomCheckpoint.of(model(Shapes.kraken(1)))
                .with("model.join.weight", identity)
                .with("model.join.bias", new float[d]);
        float[] dense = DecoderHarness.logits(RandomCheckpoint.of(model(Wiring.dense())), 1, IDS);
        float[] joined = DecoderHarness.logits(new NamedLikeDense(kraken), 1, IDS);
        assertThat(worst(rows(dense), joined)).isLessThan(1e-4);
    }

    /** With one combination, at the end, the final norm cancels the factor n between sum and mean (except for its epsilon). */
    @Test
    void sumIsMeanTimesTheTracks() {
        float[] mean = engine(Wiring.parallelTrack(4, 4, Combine.MEAN), 2);
        float[] sum = engine(Wiring.parallelTrack(4, 4, Combine.SUM), 2);
        assertThat(worst(rows(mean), sum)).isBetween(1e-9, 1e-2);
        float[] often = engine(Wiring.parallelTrack(4, 1, Combine.SUM), 2);
        assertThat(worst(rows(often), engine(Wiring.parallelTrack(4, 1, Combine.MEAN), 2)))
                .isGreaterThan(0.1);
    }

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void ranksAgree(Shapes shape) {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        float[] one = DecoderHarness.logits(checkpoint, 1, IDS);
        float[] four = DecoderHarness.logits(checkpoint, 4, IDS);
        if (shape.model().hasTracks()) {
            assertThat(four)
                    .as("sums over tracks have the same bits on any number of ranks")
                    .isEqualTo(one);
        } else {
            assertThat(worst(rows(one), four)).isLessThan(1e-4);
        }
    }

    private static double[][] textbook(Wiring wiring) {
        return new Textbook(RandomCheckpoint.of(model(wiring))).logits(IDS);
    }

    private static float[] engine(Wiring wiring, int ranks) {
        return DecoderHarness.logits(RandomCheckpoint.of(model(wiring)), ranks, IDS);
    }

    private static ModelSpec model(Wiring wiring) {
        return Shapes.model(wiring);
    }

    private static double[][] rows(float[] logits) {
        double[][] rows = new double[logits.length / Shapes.VOCABULARY][Shapes.VOCABULARY];
        for (int i = 0; i < logits.length; i++) {
            rows[i / Shapes.VOCABULARY][i % Shapes.VOCABULARY] = logits[i];
        }
        return rows;
    }

    private static float[] flat(double[][] logits) {
        float[] flat = new float[logits.length * Shapes.VOCABULARY];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = (float) logits[i / Shapes.VOCABULARY][i % Shapes.VOCABULARY];
        }
        return flat;
    }

    static double worst(double[][] expected, float[] actual) {
        assertThat(actual).hasSize(expected.length * Shapes.VOCABULARY).doesNotContain(Float.NaN);
        double worst = 0;
        for (int i = 0; i < actual.length; i++) {
            worst = Math.max(worst, Math.abs(expected[i / Shapes.VOCABULARY][i % Shapes.VOCABULARY] - actual[i]));
        }
        return worst;
    }
}
