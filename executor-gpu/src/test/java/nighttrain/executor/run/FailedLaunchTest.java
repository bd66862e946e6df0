package nighttrain.executor.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The driver refuses a launch on one rank in the middle of a step. */
@Tag("gpu")
class FailedLaunchTest {
    private static final CudaBackend GPUS = new CudaBackend();

    /** A grid has at most 65 535 blocks in its second dimension, along which tracks lie. */
    private static final int TOO_MANY_TRACKS = 70_000;

    private static final StepLimits LIMITS = new StepLimits(8, 64, 0, Shapes.POSITIONS);
    private static final CacheLayout LAYOUT = CacheLayout.ofPages(TestBackend.PAGE_TOKENS, 64);

    @ParameterizedTest
    @CsvSource({"DENSE,1,0", "DENSE,2,0", "DENSE,2,1", "LADDER,4,2", "TRACKS_MEAN,4,3"})
    void endsTheStepWithRankAndVerb(Shapes shape, int ranks, int failing) {
        assumeThat(GPUS.maxRanks()).isGreaterThanOrEqualTo(ranks);
        AtomicBoolean armed = new AtomicBoolean();
        List<Device> devices = new ArrayList<>(GPUS.open(ranks));
        devices.set(failing, failingAtGelu(devices.get(failing), armed));
        RandomCheckpoint checkpoint = RandomCheckpoint.of(shape.model());
        try (RankGroup workers = RankGroup.load("test", checkpoint, devices, LIMITS, LAYOUT)) {
            assertThat(workers.launch(prompt()).await()).hasSize(1);
            armed.set(true);
            assertThatThrownBy(() -> workers.launch(prompt()).await())
                    .hasMessageStartingWith(
                            "rank " + failing + " failed: java.lang.IllegalStateException: launch failed: gelu ");
        }
        try (RankGroup again = RankGroup.load("test", checkpoint, GPUS.open(ranks), LIMITS, LAYOUT)) {
            assertThat(again.launch(prompt()).await()).hasSize(1);
        }
    }

    private static Batch prompt() {
        int[] positions = IntStream.range(0, 20).toArray();
        return new Batch(
                positions,
                positions,
                new int[] {0, 20},
                new int[][] {{5, 3}},
                new int[] {19},
                List.of(SampleRequest.likeliest()));
    }

    /** Returns {@code real} with a fault: after {@code armed} is set, an activation has too many tracks. */
    private static Device failingAtGelu(Device real, AtomicBoolean armed) {
        Ops ops = passing(Ops.class, real.ops(), method -> {
            if (method.getName().equals("linearSiluMul") && armed.get()) {
                real.ops().gelu(real.tensor("too many tracks", TOO_MANY_TRACKS, 1, 8));
            }
            return null;
        });
        return passing(Device.class, real, method -> method.getName().equals("ops") ? ops : null);
    }

    /** Answers a call in place of the real object; null leaves the call to the real object. */
    private interface Instead {
        Object of(Method method);
    }

    private static <T> T passing(Class<T> type, T real, Instead instead) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    Object answer = instead.of(method);
                    try {
                        return answer != null ? answer : method.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
