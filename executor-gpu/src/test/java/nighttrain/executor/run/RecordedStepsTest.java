package nighttrain.executor.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.Drawn;
import nighttrain.executor.device.Ranks;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.request.SamplingParams;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Decode steps replayed from recordings give the bits of those enqueued verb by verb, on the same device. */
@Tag("gpu")
class RecordedStepsTest {
    private static final CudaBackend GPUS = new CudaBackend();
    private static final int PAGES_PER_SEQUENCE = 4;
    private static final int LONGEST_PROMPT = 16;
    private static final int STEPS = 20;
    private static final int[] BATCHES = {1, 3, 8, 11};
    private static final Decoder.Limits LIMITS =
            new Decoder.Limits(256, 16, 16, Shapes.POSITIONS, 16 * PAGES_PER_SEQUENCE, TestBackend.PAGE_TOKENS);

    /** So that differences of bits show. */
    private static final SamplingParams GREEDY_WITH_LOGPROBS =
            new SamplingParams(1, 0, 0, 1, 0, 1, 0, 0, 3, false, false);

    static Stream<Arguments> shapesAndRanks() {
        return Stream.of(Shapes.DENSE, Shapes.LADDER, Shapes.TRACKS_MEAN, Shapes.KRAKEN)
                .flatMap(shape -> Stream.of(1, 2, 4).map(ranks -> Arguments.of(shape, ranks)));
    }

    @ParameterizedTest
    @MethodSource("shapesAndRanks")
    void replaysChangeNoBit(Shapes shape, int ranks) {
        replaysChangeNoBit(GPUS, shape, ranks);
    }

    @ParameterizedTest
    @EnumSource(
            value = Shapes.class,
            names = {"DENSE", "LADDER", "TRACKS_MEAN"})
    void nccl(Shapes shape) {
        replaysChangeNoBit(CudaBackend.withNccl(), shape, 2);
    }

    private static void replaysChangeNoBit(CudaBackend gpus, Shapes shape, int ranks) {
        assumeThat(gpus.maxRanks()).isGreaterThanOrEqualTo(ranks);
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        List<Device> devices = gpus.open(ranks);
        try {
            List<List<List<List<Drawn>>>> byRank = Ranks.onAll(devices, device -> {
                Decoder decoder = Decoder.load(checkpoint, device, LIMITS);
                return List.of(
                        drawn(new StepRunner(decoder, Optional.empty())),
                        drawn(new StepRunner(decoder, device.recorder())));
            });
            List<List<Drawn>> plain = ofAllRanks(byRank, 0);
            assertThat(plain).allSatisfy(step -> assertThat(step).isNotEmpty());
            assertThat(ofAllRanks(byRank, 1)).isEqualTo(plain);
        } finally {
            devices.forEach(Device::close);
        }
    }

    /** Each step's draws; every rank made its share of them. */
    private static List<List<Drawn>> ofAllRanks(List<List<List<List<Drawn>>>> byRank, int run) {
        return IntStream.range(0, byRank.get(0).get(run).size())
                .mapToObj(step -> byRank.stream()
                        .flatMap(rank -> rank.get(run).get(step).stream())
                        .toList())
                .toList();
    }

    /** What every step draws, for every size of batch: a prompt each, then token after token, the same whatever was drawn. */
    private static List<List<Drawn>> drawn(StepRunner runner) {
        List<List<Drawn>> drawn = new ArrayList<>();
        for (int sequences : BATCHES) {
            int[] starts = IntStream.range(0, sequences)
                    .map(s -> 2 + s % (LONGEST_PROMPT - 1))
                    .toArray();
            drawn.add(runner.run(step(new int[sequences], starts)));
            for (int i = 0; i < STEPS; i++) {
                int passed = i;
                int[] from = IntStream.of(starts).map(start -> start + passed).toArray();
                drawn.add(
                        runner.run(step(from, IntStream.of(from).map(f -> f + 1).toArray())));
            }
        }
        return drawn;
    }

    /** Tokens {@code from[s] .. to[s] - 1} of every sequence s; each draws at its end. */
    private static Batch step(int[] from, int[] to) {
        int[] starts = new int[from.length + 1];
        int[][] tables = new int[from.length][];
        List<Integer> tokens = new ArrayList<>();
        List<Integer> positions = new ArrayList<>();
        List<Draw> draws = new ArrayList<>();
        for (int s = 0; s < from.length; s++) {
            int[] text = new Random(s).ints(to[s], 0, Shapes.VOCABULARY).toArray();
            for (int position = from[s]; position < to[s]; position++) {
                tokens.add(text[position]);
                positions.add(position);
            }
            starts[s + 1] = tokens.size();
            int firstPage = s * PAGES_PER_SEQUENCE;
            tables[s] =
                    IntStream.range(firstPage, firstPage + PAGES_PER_SEQUENCE).toArray();
            draws.add(new Draw(GREEDY_WITH_LOGPROBS, s, text, to[s], to[s], Draw.NONE));
        }
        int[] last = IntStream.range(0, from.length).map(s -> starts[s + 1] - 1).toArray();
        return new Batch(ints(tokens), ints(positions), starts, tables, last, draws);
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
