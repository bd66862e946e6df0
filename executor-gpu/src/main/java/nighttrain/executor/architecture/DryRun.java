package nighttrain.executor.architecture;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.ModelSpec;

/**
 * The all-reduces and buffers of an architecture, counted by a forward pass of empty blocks.
 *
 * @param allReduces all-reduces of one forward pass
 * @param ofOutputRows those of them that carry only the rows that the head reads, in a step of more tokens
 * @param outputBuffers buffers for partial outputs that are in use at a time
 * @param narrowBuffers the same, for buffers that hold only the rows that the head reads
 */
public record DryRun(AllReduceCount allReduces, AllReduceCount ofOutputRows, int outputBuffers, int narrowBuffers) {
    /** Operations that do nothing: no values exist while counting. */
    private static final Ops NO_OPS = (Ops) Proxy.newProxyInstance(
            Ops.class.getClassLoader(), new Class<?>[] {Ops.class}, (proxy, verb, arguments) -> null);

    /** Whether the outputs of a layer's modules are finished before they are added. */
    record Layer(boolean finishesMixer, boolean finishesFeedForward) {
        static final Layer PLAIN = new Layer(false, false);
    }

    /** Counts for {@code model}. */
    public static DryRun of(Architecture architecture, ModelSpec model) {
        return of(
                architecture,
                model.layers().stream()
                        .map(layer -> new Layer(
                                !layer.mixerResidual().isPlain(),
                                !layer.feedForwardResidual().isPlain()))
                        .toList());
    }

    /** Counts for these layers: the buffers suffice for steps that narrow and for steps that do not. */
    static DryRun of(Architecture architecture, List<Layer> layers) {
        DryRun whole = of(architecture, layers, false);
        DryRun narrowing = of(architecture, layers, true);
        return new DryRun(
                whole.allReduces,
                narrowing.ofOutputRows,
                Math.max(whole.outputBuffers, narrowing.outputBuffers),
                narrowing.narrowBuffers);
    }

    private static DryRun of(Architecture architecture, List<Layer> layers, boolean narrows) {
        Tally tally = new Tally();
        List<Tensor> outputs = new ArrayList<>();
        List<Tensor> narrow = new ArrayList<>();
        List<Tensor> streams = List.of(nowhere(), nowhere());
        StepCommunicator ranks =
                new StepCommunicator(tally, NO_OPS, number -> anotherOf(outputs), number -> anotherOf(narrow), streams);
        architecture
                .decode(
                        new EmptyBlocks(layers, tally, ranks, narrows),
                        new ResidualStream(NO_OPS, streams.get(0)),
                        ranks)
                .settle();
        return new DryRun(tally.all, tally.ofOutputRows, outputs.size(), narrow.size());
    }

    private static Tensor anotherOf(List<Tensor> buffers) {
        Tensor buffer = nowhere();
        buffers.add(buffer);
        return buffer;
    }

    /** Returns a buffer without values, equal only to itself. */
    private static Tensor nowhere() {
        return new Tensor() {
            @Override
            public int tracks() {
                return 1;
            }

            @Override
            public int rows() {
                return 0;
            }

            @Override
            public int cols() {
                return 0;
            }

            @Override
            public Tensor firstRows(int rows) {
                return this;
            }

            @Override
            public Tensor track(int track) {
                return this;
            }
        };
    }

    /** Records for every all-reduce whether a module ran before it was awaited. */
    private static final class Tally implements Communicator {
        private final Set<Object> sinceModule = new HashSet<>();
        private AllReduceCount all = AllReduceCount.NONE;
        private AllReduceCount ofOutputRows = AllReduceCount.NONE;
        private boolean narrowed;

        void module() {
            sinceModule.clear();
        }

        @Override
        public Pending allReduce(Tensor out, Tensor in, float scale) {
            Object sum = new Object();
            boolean ofRows = narrowed;
            sinceModule.add(sum);
            return () -> {
                boolean blocks = sinceModule.remove(sum);
                all = all.withOne(blocks);
                ofOutputRows = ofRows ? ofOutputRows.withOne(blocks) : ofOutputRows;
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
            return 2;
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

    private record EmptyBlocks(List<Layer> all, Tally tally, StepCommunicator ranks, boolean narrows)
            implements Blocks {
        private Output ran(ResidualStream h, boolean finishes) {
            h.settle();
            tally.module();
            return new Output(ranks.output(), finishes ? Optional.of((out, sum) -> {}) : Optional.empty());
        }

        @Override
        public int layers() {
            return all.size();
        }

        private Output mixed(int layer, ResidualStream h) {
            Output output = ran(h, all.get(layer).finishesMixer());
            tally.narrowed = narrows && layer == all.size() - 1;
            return tally.narrowed ? ranks.narrow(output, 0) : output;
        }

        @Override
        public Output mixer(int layer, ResidualStream h) {
            return mixed(layer, h);
        }

        @Override
        public Output feedForward(int layer, ResidualStream h) {
            return ran(h, all.get(layer).finishesFeedForward());
        }

        @Override
        public Output sideBySide(int layer, ResidualStream h) {
            return mixed(layer, h);
        }

        @Override
        public Output join(ResidualStream h) {
            return ran(h, false);
        }
    }

    /**
     * The all-reduces of one forward pass.
     *
     * @param blocking all-reduces that the next module waits for
     * @param overlapped all-reduces that run while at least one module computes
     */
    public record AllReduceCount(int blocking, int overlapped) {
        public static final AllReduceCount NONE = new AllReduceCount(0, 0);

        /** Counts for a model of {@code layers} layers. */
        public static AllReduceCount of(Architecture architecture, int layers) {
            return DryRun.of(architecture, Collections.nCopies(layers, Layer.PLAIN))
                    .allReduces();
        }

        private AllReduceCount withOne(boolean blocks) {
            return blocks ? new AllReduceCount(blocking + 1, overlapped) : new AllReduceCount(blocking, overlapped + 1);
        }

        /** Returns these without {@code others}, which must be among them. */
        public AllReduceCount less(AllReduceCount others) {
            return new AllReduceCount(blocking - others.blocking, overlapped - others.overlapped);
        }

        /** All of them. */
        public int total() {
            return blocking + overlapped;
        }
    }
}
