package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Checks that a rank does not write the input of an all-reduce before the next one is complete: slower peers may still read it
 * ({@link Communicator#allReduce}). On GPUs such a write is a race that rarely shows. On CPUs, where every all-reduce synchronises the ranks twice,
 * it changes nothing, so the test watches the inputs.
 */
class SummedPartsTest {
    private static final int[] IDS =
            new Random(13).ints(9, 0, Shapes.VOCABULARY).toArray();

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void stayUntilTheNextSum(Shapes shape) {
        run(shape, device -> new Watch(device).device());
    }

    /** Covers architectures that wait for more than one of their all-reduces. */
    @ParameterizedTest
    @EnumSource(
            value = Shapes.class,
            names = {
                "DENSE",
                "PARALLEL_BLOCK",
                "LADDER_LAST_2",
                "TRACKS_MEAN",
                "TRACKS_SUM",
                "EXPERTS_DENSE",
                "EXPERTS_TRACKS",
                "FINISHED_DENSE",
                "FINISHED_LADDER_LAST_2",
                "FINISHED_TRACKS",
                "DESYNC",
                "DESYNC_EVERY_3",
                "FINISHED_DESYNC",
                "DELAYED",
                "FINISHED_DELAYED"
            })
    void aWriteInBetweenIsSeen(Shapes shape) {
        assertThatThrownBy(() -> run(
                        shape,
                        device -> new TamperedSums(
                                new Watch(device).device(),
                                (ranks, sum) -> writtenAfter(device, sum, sum.start(ranks)))))
                .hasStackTraceContaining("given to a sum and written");
    }

    private static void run(Shapes shape, UnaryOperator<Device> watched) {
        for (int[] rows : new int[][] {IntStream.range(0, IDS.length).toArray(), {IDS.length - 1}}) {
            List<Device> devices = CpuDevice.ranks(2, 1).stream().map(watched).toList();
            assertThat(DecoderHarness.logits(RandomCheckpoint.of(shape.model()), devices, IDS, rows))
                    .isNotEmpty();
        }
    }

    private static Pending writtenAfter(Device device, TamperedSums.Sum sum, Pending real) {
        return () -> {
            Tensor landed = real.await();
            device.ops().add(sum.in(), sum.in());
            return landed;
        };
    }

    /** Remembers the input of one rank's last all-reduce. */
    private static final class Watch {
        private final Device device;
        private Tensor part;
        private float[] given;
        private int verbs;

        Watch(Device device) {
            this.device = device;
        }

        Device device() {
            Ops counted = counted(Ops.class, device.ops());
            Optional<ExpertOps> ofExperts = device.expertOps().map(real -> counted(ExpertOps.class, real));
            return new TamperedSums(device, this::watched) {
                @Override
                public Ops ops() {
                    return counted;
                }

                @Override
                public Optional<ExpertOps> expertOps() {
                    return ofExperts;
                }
            };
        }

        private <T> T counted(Class<T> type, T real) {
            return type.cast(Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {type}, (proxy, verb, arguments) -> {
                        verbs++;
                        try {
                            return verb.invoke(real, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    }));
        }

        private Pending watched(Communicator ranks, TamperedSums.Sum sum) {
            Pending real = sum.start(ranks);
            int before = verbs;
            return () -> {
                if (part != null) {
                    assertThat(device.read(part))
                            .as("what was given to a sum and written before the next had landed")
                            .isEqualTo(given);
                }
                Tensor landed = real.await();
                // An all-reduce that overlaps other work synchronises twice; then its input is free.
                part = verbs == before ? sum.in() : null;
                given = part == null ? null : device.read(part);
                return landed;
            };
        }
    }
}
