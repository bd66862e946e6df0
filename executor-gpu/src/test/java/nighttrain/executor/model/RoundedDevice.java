package nighttrain.executor.model;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Checkpoint;

/**
 * A device whose operations round results to bf16 at random: each becomes one of its two neighbours, the nearer one more often, so that the mean is
 * kept (stochastic rounding). Passes with several seeds show how far a device that computes in bf16 may be from fp32 on one model. This differs by
 * model: a norm of a tiny output, a choice between nearly equal experts, and 8-bit numbers each amplify the error.
 */
public final class RoundedDevice extends PassingDevice {
    /**
     * Factor by which a GPU may be farther from fp32 than the farthest of these passes. Rounding moves the logits of most models by 1 to 3 %;
     * {@link PlantedFaultsTest} checks how much farther a fault moves them.
     */
    public static final double SLACK = 1.5;

    private final Random random;

    private RoundedDevice(Device real, long seed) {
        super(real);
        this.random = new Random(seed);
    }

    /** Returns the logits of a pass over {@code ids} on {@code ranks} ranks for each of {@code seeds} seeds. */
    public static List<float[]> logits(Checkpoint checkpoint, int ranks, int seeds, int... ids) {
        return IntStream.range(0, seeds)
                .parallel()
                .mapToObj(seed -> DecoderHarness.logits(
                        checkpoint,
                        ranks,
                        device -> new RoundedDevice(
                                device, 100L * seed + device.communicator().rank()),
                        ids))
                .toList();
    }

    @Override
    public Ops ops() {
        return rounding(Ops.class, real.ops());
    }

    @Override
    public Optional<ExpertOps> expertOps() {
        return real.expertOps().map(ops -> rounding(ExpertOps.class, ops));
    }

    @Override
    public Optional<RecurrentOps> recurrentOps() {
        return real.recurrentOps().map(ops -> rounding(RecurrentOps.class, ops));
    }

    /** Rounds the results of {@code ops}; by convention these are an operation's first tensor arguments. */
    private <T> T rounding(Class<T> type, T ops) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, given) -> {
                    try {
                        Object result = method.invoke(ops, given);
                        for (int i = 0; i < results(method); i++) {
                            round((Tensor) given[i]);
                        }
                        return result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    /** Returns how many results of a method to round; squares for an all-reduce stay in fp32 on every device. */
    private static int results(Method method) {
        if (method.getName().equals("gatedSquares")) {
            return 0;
        }
        boolean any = method.getParameterCount() > 0 && method.getParameterTypes()[0] == Tensor.class;
        return method.getName().equals("addNorm") ? 2 : any && method.getReturnType() == void.class ? 1 : 0;
    }

    private void round(Tensor tensor) {
        float[] values = real.read(tensor);
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.isFinite(values[i])
                    ? Float.intBitsToFloat((Float.floatToRawIntBits(values[i]) + random.nextInt(1 << 16)) & 0xffff0000)
                    : values[i];
        }
        real.write(tensor, values);
    }
}
