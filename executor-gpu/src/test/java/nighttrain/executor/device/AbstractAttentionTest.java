package nighttrain.executor.device;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.AttentionCase.Heads;
import nighttrain.executor.device.AttentionCase.Part;
import nighttrain.io.spec.KvFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares head norms, rotary embedding, paging and attention together with float64, for every kind of step and head. */
public abstract class AbstractAttentionTest extends OneDevice {
    protected AbstractAttentionTest(TestBackend backend) {
        super(backend);
    }

    private static final List<Heads> HEADS = List.of(
            new Heads(1, 4, 4, 8, 8, false, 0),
            new Heads(2, 2, 1, 16, 16, true, 0),
            new Heads(1, 4, 1, 16, 8, false, 8),
            new Heads(1, 7, 1, 64, 64, false, 0),
            new Heads(2, 8, 2, 64, 64, true, 100),
            new Heads(1, 3, 3, 80, 32, false, 0),
            new Heads(1, 8, 2, 80, 80, false, 33),
            new Heads(1, 8, 2, 128, 128, true, 0),
            new Heads(2, 7, 1, 128, 64, false, 0),
            new Heads(1, 2, 2, 128, 0, false, 1),
            new Heads(1, 2, 1, 256, 256, false, 0),
            new Heads(2, 4, 2, 16, 8, true, 40, true),
            new Heads(1, 8, 2, 128, 128, false, 0, true),
            new Heads(1, 3, 1, 61, 0, false, 0, true));

    private enum Steps {
        DECODE(0, 1, 1, 1, 14, 1, 15, 1, 16, 1, 40, 1, 129, 1, 333, 1),
        DECODE_ALONE(400, 1),
        PREFILL(0, 5, 0, 33, 0, 16, 0, 130),
        CHUNKS(64, 64, 15, 17, 100, 30, 16, 2),
        MIXED(40, 1, 0, 77, 100, 33, 200, 1, 0, 1, 3, 2);

        private final List<Part> parts;

        Steps(int... cachedAndCount) {
            parts = IntStream.range(0, cachedAndCount.length / 2)
                    .mapToObj(i -> new Part(cachedAndCount[2 * i], cachedAndCount[2 * i + 1]))
                    .toList();
        }
    }

    /** Tokens that sequences of a step share after their last shared page are computed once. */
    private static final List<Part> COPIES = List.of(
            new Part(40, 1),
            new Part(0, 37),
            new Part(20, 9, 1),
            new Part(36, 1, 1),
            new Part(5, 30, 1),
            new Part(16, 30),
            new Part(41, 2, 5),
            new Part(33, 1, 5));

    private static final List<Heads> SINKS = Stream.of(
                    new Heads(1, 4, 2, 16, 16, false, 0),
                    new Heads(2, 8, 1, 64, 64, false, 40),
                    new Heads(1, 6, 3, 61, 0, true, 1, true),
                    new Heads(1, 8, 2, 128, 128, false, 0),
                    new Heads(1, 2, 1, 256, 64, false, 50))
            .map(Heads::withSinks)
            .toList();

    private static final List<Heads> IN_BYTES = Stream.of(
                    new Heads(1, 4, 4, 8, 8, false, 0),
                    new Heads(2, 2, 1, 16, 16, true, 0),
                    new Heads(2, 8, 2, 64, 64, true, 100),
                    new Heads(2, 8, 1, 64, 64, false, 40).withSinks(),
                    new Heads(1, 3, 3, 80, 32, false, 0),
                    new Heads(1, 3, 1, 61, 0, false, 0, true),
                    new Heads(1, 8, 2, 128, 128, false, 0),
                    new Heads(1, 2, 2, 128, 0, false, 1),
                    new Heads(1, 24, 1, 128, 0, false, 0),
                    new Heads(1, 2, 1, 256, 256, false, 50))
            .flatMap(heads -> Stream.of(heads.on(KvFormat.FP8), heads.on(KvFormat.INT8)))
            .toList();

    static Stream<Arguments> headsAndSteps() {
        return HEADS.stream().flatMap(heads -> Stream.of(Steps.values()).map(steps -> Arguments.of(heads, steps)));
    }

    @ParameterizedTest
    @MethodSource("headsAndSteps")
    void agreesWithFloat64(Heads heads, Steps steps) {
        new AttentionCase(this, heads, steps.parts).check();
    }

    static Stream<Heads> headsOfAllPages() {
        return Stream.of(HEADS, IN_BYTES).flatMap(List::stream);
    }

    @ParameterizedTest
    @MethodSource("headsOfAllPages")
    void copiesHoldTheSame(Heads heads) {
        new AttentionCase(this, heads, COPIES).check();
    }

    static Stream<Arguments> sinksAndSteps() {
        return SINKS.stream().flatMap(heads -> Stream.of(Steps.values()).map(steps -> Arguments.of(heads, steps)));
    }

    @ParameterizedTest
    @MethodSource("sinksAndSteps")
    void sinksTakeTheirShare(Heads heads, Steps steps) {
        new AttentionCase(this, heads, steps.parts).check();
    }

    static Stream<Arguments> bytesAndSteps() {
        return IN_BYTES.stream().flatMap(heads -> Stream.of(Steps.values()).map(steps -> Arguments.of(heads, steps)));
    }

    /** The reference also rounds keys and values, so only the rounding of queries, weights and outputs differs. */
    @ParameterizedTest
    @MethodSource("bytesAndSteps")
    void readsPagesOfBytes(Heads heads, Steps steps) {
        new AttentionCase(this, heads, steps.parts).check();
    }
}
