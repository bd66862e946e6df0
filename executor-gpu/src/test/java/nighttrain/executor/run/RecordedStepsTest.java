package nighttrain.executor.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.Dfa;
import nighttrain.executor.Goldens;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ranks;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.Batch.StateCopies;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Decode steps replayed from captured graphs give the same bits as steps enqueued operation by operation on the same device. */
@Tag("gpu")
class RecordedStepsTest {
    private static final CudaBackend GPUS = new CudaBackend();
    private static final int PAGES_PER_SEQUENCE = 4;
    private static final int LONGEST_PROMPT = 16;
    private static final int STEPS = 20;
    private static final int[] BATCHES = {1, 3, 8, 11};
    private static final StepLimits LIMITS = new StepLimits(16, 256, 0, Shapes.POSITIONS);

    private static final TokenConstraint CONSTRAINT = new TokenConstraint(
            Dfa.random(new Random(1), 3, Shapes.VOCABULARY, 0).automaton(), false);

    /** Log-probabilities make differences in bits visible. */
    private static final SamplingParams GREEDY_WITH_LOGPROBS =
            SamplingParams.greedy(1).withLogprobs(3);

    /** The samples of one rank, step by step. */
    private record PlainAndRecorded(List<List<SampledToken>> plain, List<List<SampledToken>> recorded) {}

    static Stream<Arguments> shapesAndRanks() {
        return Stream.of(
                        Shapes.DENSE,
                        Shapes.LADDER,
                        Shapes.TRACKS_MEAN,
                        Shapes.KRAKEN,
                        Shapes.DESYNC,
                        Shapes.DELAYED,
                        Shapes.EXPERTS_DENSE,
                        Shapes.EXPERTS_TRACKS,
                        Shapes.WIDE_STATES_DENSE,
                        Shapes.WIDE_STATES_TRACKS,
                        Shapes.ONE_GROUP_DENSE,
                        Shapes.ONE_GROUP_LADDER)
                .flatMap(shape -> Stream.of(1, 2, 4).map(ranks -> Arguments.of(shape, ranks)));
    }

    @ParameterizedTest
    @MethodSource("shapesAndRanks")
    void replaysChangeNoBit(Shapes shape, int ranks) {
        replaysChangeNoBit(GPUS, RandomCheckpoint.of(shape.model()), ranks);
    }

    /** States keep their slots from step to step; padding rows of a batch use a slot that no sequence has. */
    @ParameterizedTest
    @CsvSource({"qwen3_5,1", "qwen3_5,2", "granitemoehybrid,1", "granitemoehybrid,2"})
    void recurrentLayers(String golden, int ranks) {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(golden))) {
            replaysChangeNoBit(GPUS, checkpoint, ranks);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Shapes.class,
            names = {"DENSE", "LADDER", "TRACKS_MEAN", "DELAYED", "ONE_GROUP_DENSE"})
    void nccl(Shapes shape) {
        replaysChangeNoBit(CudaBackend.withNccl(), RandomCheckpoint.of(shape.model()), 2);
    }

    /** A recorded decode step copies states before it computes: from the first sequence's slot through a snapshot's slot to all others. */
    @Test
    void statesAreCopiedBeforeARecordedStep() {
        int sequences = 5;
        int snapshot = LIMITS.maxSequences();
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("gla"));
                Device device = GPUS.open(1).get(0)) {
            CacheLayout layout = CacheLayout.of(
                            CacheSpec.of(checkpoint.spec(), 1, Short.BYTES, LIMITS.maxModelLen()),
                            TestBackend.PAGE_TOKENS,
                            0,
                            LIMITS.maxSequences())
                    .withSnapshots(1);
            Decoder decoder = Decoder.load(checkpoint, device, LIMITS, layout);
            List<SlotCopy> saved = List.of(new SlotCopy(0, snapshot));
            List<SlotCopy> restored = IntStream.range(1, sequences)
                    .mapToObj(slot -> new SlotCopy(snapshot, slot))
                    .toList();
            int[] length = new int[sequences];
            Arrays.fill(length, 7);
            Batch decode = alike(length, IntStream.of(length).map(n -> n + 1).toArray());
            List<List<SampledToken>> sampled = new ArrayList<>();
            for (Optional<Device.GraphRecorder> recorder :
                    List.of(Optional.<Device.GraphRecorder>empty(), device.recorder())) {
                StepRunner runner = new StepRunner(decoder, recorder);
                for (int round = 0; round < 3; round++) { // the first round enqueues and records, later ones replay
                    runner.launch(alike(new int[1], new int[] {7})).await();
                    sampled.add(runner.launch(new Batch(
                                    decode.tokens(),
                                    decode.positions(),
                                    decode.queryStarts(),
                                    decode.pageTables(),
                                    decode.slots(),
                                    Batch.Copies.NONE,
                                    new StateCopies(saved, restored),
                                    decode.outputRows(),
                                    decode.samples(),
                                    0))
                            .await());
                }
            }
            assertThat(sampled.stream().flatMap(List::stream))
                    .hasSize(6 * sequences)
                    .allMatch(sampled.get(0).get(0)::equals);
        }
    }

    /** As {@link #step}, but all sequences have the first one's text and no pages. */
    private static Batch alike(int[] from, int[] to) {
        Batch different = step(from, to, false);
        int[] text = step(new int[1], new int[] {to[0]}, false).tokens();
        SampleRequest sample = different.samples().get(0);
        return new Batch(
                IntStream.of(different.positions())
                        .map(position -> text[position])
                        .toArray(),
                different.positions(),
                different.queryStarts(),
                new int[from.length][0][],
                different.slots(),
                different.outputRows(),
                Collections.nCopies(from.length, sample));
    }

    /** A step of 17 sequences is recorded as a step of 18. */
    @Test
    void paddingIsRoutedToNoExpert() {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(Shapes.EXPERTS_DENSE.model());
        StepLimits limits = new StepLimits(24, 256, 0, Shapes.POSITIONS);
        CacheLayout layout = CacheLayout.ofPages(TestBackend.PAGE_TOKENS, 24 * PAGES_PER_SEQUENCE);
        try (Device device = GPUS.open(1).get(0)) {
            ExpertOps experts = device.expertOps().orElseThrow();
            Decoder decoder = Decoder.load(checkpoint, device, limits, layout);
            int[] from = IntStream.range(0, 17).toArray();
            Batch decode = step(from, IntStream.range(1, 18).toArray(), true);
            StepRunner recorded = new StepRunner(decoder, device.recorder());
            recorded.launch(decode).await();
            ExpertOps.Load once = experts.load();
            new StepRunner(decoder, Optional.empty()).launch(decode).await();
            ExpertOps.Load twice = experts.load();
            recorded.launch(decode).await();
            assertThat(once.tokens())
                    .isEqualTo(17L * 2 * checkpoint.spec().layers().size());
            assertThat(twice).isEqualTo(new ExpertOps.Load(2 * once.tokens(), 2 * once.busiest()));
            assertThat(experts.load()).isEqualTo(new ExpertOps.Load(3 * once.tokens(), 3 * once.busiest()));
        }
    }

    /**
     * Kernels start before earlier kernels have ended (launch.cuh). A model with long-running kernels gives the same bits as when the host waits
     * for each kernel.
     */
    @Test
    void noKernelReadsWhatIsNotYetWritten() {
        Path shape = Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", "bench-100m");
        CacheLayout layout = CacheLayout.ofPages(TestBackend.PAGE_TOKENS, LIMITS.maxSequences() * PAGES_PER_SEQUENCE);
        try (Checkpoint checkpoint = Checkpoints.dummy(shape);
                Device device = GPUS.open(1).get(0)) {
            Decoder decoder = Decoder.load(checkpoint, device, LIMITS, layout);
            Decoder waiting = Decoder.load(checkpoint, waiting(device), LIMITS, layout);
            List<List<SampledToken>> waited = sampled(new StepRunner(waiting, Optional.empty()), false);
            for (int round = 0; round < 3; round++) {
                assertThat(sampled(new StepRunner(decoder, Optional.empty()), false))
                        .isEqualTo(waited);
                assertThat(sampled(new StepRunner(decoder, device.recorder()), false))
                        .isEqualTo(waited);
            }
        }
    }

    /** Returns a device that makes the host wait for every operation. */
    private static Device waiting(Device device) {
        Tensor probe = device.tensor("probe", 1, 1, 8);
        Ops ops = proxy(Ops.class, (verb, arguments) -> {
            Object result = verb.invoke(device.ops(), arguments);
            device.read(probe);
            return result;
        });
        return proxy(
                Device.class, (verb, arguments) -> verb.getName().equals("ops") ? ops : verb.invoke(device, arguments));
    }

    private interface Call {
        Object of(Method verb, Object[] arguments) throws ReflectiveOperationException;
    }

    private static <T> T proxy(Class<T> type, Call call) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, verb, arguments) -> call.of(verb, arguments)));
    }

    private static void replaysChangeNoBit(CudaBackend gpus, Checkpoint checkpoint, int ranks) {
        assumeThat(gpus.maxRanks()).isGreaterThanOrEqualTo(ranks);
        CacheLayout layout = CacheLayout.of(
                CacheSpec.of(checkpoint.spec(), ranks, Short.BYTES, LIMITS.maxModelLen()),
                TestBackend.PAGE_TOKENS,
                LIMITS.maxSequences() * PAGES_PER_SEQUENCE,
                LIMITS.maxSequences());
        List<Device> devices = gpus.open(ranks);
        try {
            List<PlainAndRecorded> ofRanks = Ranks.onAll(devices, device -> {
                Decoder decoder = Decoder.load(checkpoint, device, LIMITS, layout);
                return new PlainAndRecorded(
                        sampled(new StepRunner(decoder, Optional.empty()), true),
                        sampled(new StepRunner(decoder, device.recorder()), true));
            });
            int samples = ofRanks.stream()
                    .flatMap(rank -> rank.plain.stream())
                    .mapToInt(List::size)
                    .sum();
            assertThat(samples)
                    .as("every rank samples its share")
                    .isEqualTo((1 + STEPS) * IntStream.of(BATCHES).sum());
            assertThat(ofRanks).allSatisfy(rank -> assertThat(rank.recorded).isEqualTo(rank.plain));
        } finally {
            devices.forEach(Device::close);
        }
    }

    /** Returns every step's samples for every batch size: first a prompt each, then one token at a time, whose inputs do not depend on samples. */
    private static List<List<SampledToken>> sampled(StepRunner runner, boolean masked) {
        List<List<SampledToken>> sampled = new ArrayList<>();
        for (int sequences : BATCHES) {
            int[] starts = IntStream.range(0, sequences)
                    .map(s -> 2 + s % (LONGEST_PROMPT - 1))
                    .toArray();
            sampled.add(runner.launch(step(new int[sequences], starts, masked)).await());
            for (int i = 0; i < STEPS; i++) {
                int passed = i;
                int[] from = IntStream.of(starts).map(start -> start + passed).toArray();
                sampled.add(runner.launch(
                                step(from, IntStream.of(from).map(f -> f + 1).toArray(), masked))
                        .await());
            }
        }
        return sampled;
    }

    /** Returns a step of tokens {@code from[s] .. to[s] - 1} of every sequence s; each sequence samples after its last token. */
    private static Batch step(int[] from, int[] to, boolean masked) {
        int[] starts = new int[from.length + 1];
        int[][][] tables = new int[from.length][1][];
        List<Integer> tokens = new ArrayList<>();
        List<Integer> positions = new ArrayList<>();
        List<SampleRequest> samples = new ArrayList<>();
        for (int s = 0; s < from.length; s++) {
            int[] text = new Random(s).ints(to[s], 0, Shapes.VOCABULARY).toArray();
            for (int position = from[s]; position < to[s]; position++) {
                tokens.add(text[position]);
                positions.add(position);
            }
            starts[s + 1] = tokens.size();
            int firstPage = s * PAGES_PER_SEQUENCE;
            tables[s][0] =
                    IntStream.range(firstPage, firstPage + PAGES_PER_SEQUENCE).toArray();
            samples.add(new SampleRequest(
                    GREEDY_WITH_LOGPROBS,
                    s,
                    text,
                    to[s],
                    to[s],
                    SampleRequest.NONE,
                    s % 2 == 0 || !masked ? Optional.empty() : Optional.of(new SampleMask(CONSTRAINT, s % 3, 9))));
        }
        int[] last = IntStream.range(0, from.length).map(s -> starts[s + 1] - 1).toArray();
        int[] slots = IntStream.range(0, from.length).toArray();
        return new Batch(ints(tokens), ints(positions), starts, tables, slots, last, samples);
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
