package nighttrain.executor.architecture;

import java.lang.reflect.Proxy;
import java.util.HashSet;
import java.util.Set;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Pending;
import nighttrain.executor.device.Tensor;

/**
 * The sums of one forward pass, counted by letting the architecture decode with nothing behind its blocks.
 *
 * @param blocking sums that the next module waits for
 * @param overlapped sums that travel while at least one module computes
 */
public record SyncCount(int blocking, int overlapped) {
    /** Work that is not done: no values exist while counting. */
    private static final Kernels NO_KERNELS = (Kernels) Proxy.newProxyInstance(
            Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, verb, arguments) -> null);

    private static final Tensor NOWHERE = (Tensor) Proxy.newProxyInstance(
            Tensor.class.getClassLoader(), new Class<?>[] {Tensor.class}, (proxy, property, arguments) -> null);

    /** Counts for a model of {@code layers} layers. */
    public static SyncCount of(Architecture architecture, int layers) {
        Tally tally = new Tally();
        architecture.decode(new EmptyBlocks(layers, tally), new ResidualStream(NO_KERNELS, NOWHERE), tally);
        return new SyncCount(tally.blocking, tally.overlapped);
    }

    /** All sums. */
    public int total() {
        return blocking + overlapped;
    }

    /** Notes, for every sum under way, whether a module ran before it was waited for. */
    private static final class Tally implements Communicator {
        private final Set<Object> sinceModule = new HashSet<>();
        private int blocking;
        private int overlapped;

        void module() {
            sinceModule.clear();
        }

        @Override
        public Pending allReduce(Tensor out, Tensor in, float scale) {
            Object sum = new Object();
            sinceModule.add(sum);
            return () -> {
                if (sinceModule.remove(sum)) {
                    blocking++;
                } else {
                    overlapped++;
                }
                return out;
            };
        }

        @Override
        public Pending allReduce(Tensor part) {
            return allReduce(part, part, 1f);
        }

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 1;
        }

        @Override
        public Tensor gatherRows(Tensor whole, Tensor part) {
            throw new IllegalStateException("not part of an architecture");
        }

        @Override
        public long waitedNanos() {
            return 0;
        }
    }

    private record EmptyBlocks(int layers, Tally tally) implements Blocks {
        private Tensor ran() {
            tally.module();
            return NOWHERE;
        }

        @Override
        public Tensor attention(int layer, ResidualStream h) {
            return ran();
        }

        @Override
        public Tensor mlp(int layer, ResidualStream h) {
            return ran();
        }

        @Override
        public Tensor attentionAndMlp(int layer, ResidualStream h) {
            return ran();
        }

        @Override
        public Tensor join(ResidualStream h) {
            return ran();
        }

        @Override
        public ResidualStream streamAt(Tensor start) {
            return new ResidualStream(NO_KERNELS, start);
        }

        @Override
        public Tensor spareFor(ResidualStream h) {
            return NOWHERE;
        }
    }
}
