package nighttrain.executor.device.cuda;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;

/** Experts on one GPU. Only the device knows how many tokens an expert gets, so launches depend on the size of the step. */
final class CudaExperts implements ExpertOps, AutoCloseable {
    private static final int MASK_TOKENS = 32;
    private static final int ROW_THREADS = 256;
    private static final int ELEMENT_THREADS = 256;
    private static final int CLAMPED = 3;
    private static final int LOAD_BYTES = 2 * Long.BYTES;

    private final KernelModules modules;
    private final Streams streams;
    private final DeviceMemory memory;
    private final StepInputs inputs;
    private final Fp8Operands fp8;
    private final GroupedMatmul matmul;
    private final int maxTokens;
    private final Map<Size, Places> places = new HashMap<>();
    private Optional<Load> last = Optional.empty();

    /** The size of a routing's result. */
    private record Size(int tracks, int chosen, int experts) {}

    /** Buffers for the results of route.cu, for the largest step. */
    private record Places(
            DevicePointer expert,
            DevicePointer weight,
            DevicePointer masks,
            DevicePointer rows,
            DevicePointer offsets,
            DevicePointer done,
            DevicePointer load,
            DeviceMemory.Pinned hostLoad) {}

    /** routing.cuh's {@code Routing}. */
    private record CudaRouting(Places places, Size size, int tokens, int first, int here) implements Routing {
        Struct struct() {
            return new Struct()
                    .pointer(places.expert.address())
                    .pointer(places.weight.address())
                    .pointer(places.masks.address())
                    .pointer(places.rows.address())
                    .pointer(places.offsets.address())
                    .integer(tokens)
                    .integer(size.chosen)
                    .integer(size.experts)
                    .integer(first)
                    .integer(here);
        }
    }

    CudaExperts(
            KernelModules modules,
            Streams streams,
            DeviceMemory memory,
            StepInputs inputs,
            Fp8Operands fp8,
            GroupedMatmul matmul,
            int maxTokens) {
        this.modules = modules;
        this.streams = streams;
        this.memory = memory;
        this.inputs = inputs;
        this.fp8 = fp8;
        this.matmul = matmul;
        this.maxTokens = maxTokens;
    }

    /** Returns the kernels for an operation that writes to tensors, and forgets rows in 8 bits that it may change. */
    private KernelModules launching() {
        fp8.forget();
        return modules;
    }

    /** Returns the threads of a block that routes: fewer if there are many experts, since each thread then needs more registers. */
    private static int routeThreads(int experts) {
        return experts > 128 ? 512 : 1024;
    }

    static KernelSource routeSource(Router router) {
        int experts = router.logits().outputs();
        return new KernelSource(
                "route.cu",
                Map.of(
                        "THREADS",
                        routeThreads(experts),
                        "EXPERTS",
                        experts,
                        "CHOSEN",
                        router.chosen(),
                        "SCORE",
                        switch (router.score()) {
                            case SOFTMAX -> 0;
                            case SOFTMAX_OF_CHOSEN -> 1;
                            case SIGMOID -> 2;
                        },
                        "GROUPS",
                        router.groups().map(Router.Groups::count).orElse(1),
                        "GROUPS_CHOSEN",
                        router.groups().map(Router.Groups::chosen).orElse(1)));
    }

    @Override
    public Routing route(Tensor logits, Choice choice) {
        CudaTensor x = (CudaTensor) logits;
        Router router = choice.router();
        Size size = new Size(x.tracks(), router.chosen(), x.cols());
        CudaRouting routing = new CudaRouting(placesOf(size), size, x.rows(), choice.firstExpert(), choice.experts());
        modules.get("route", routeSource(router))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(words(x.rows()), x.tracks(), routeThreads(x.cols())),
                        routing.struct()
                                .pointer(x.address())
                                .longs(x.trackStride())
                                .pointer(address(choice.correction()))
                                .pointer(address(choice.expertScales()))
                                .pointer(inputs.padding())
                                .pointer(routing.places.done.address())
                                .pointer(routing.places.load.address())
                                .number((float) router.logitCap())
                                .number((float) router.scaling())
                                .integer(router.renormalized() ? 1 : 0));
        return routing;
    }

    private static int words(int tokens) {
        return (tokens + MASK_TOKENS - 1) / MASK_TOKENS;
    }

    private static long address(Optional<Tensor> tensor) {
        return tensor.map(one -> ((CudaTensor) one).address()).orElse(0L);
    }

    /** Returns the buffers of a size. They are allocated when the size is first routed, which is before any of its work is captured. */
    private synchronized Places placesOf(Size size) {
        return places.computeIfAbsent(size, one -> {
            long choices = (long) one.tracks * maxTokens * one.chosen;
            long masks = (long) one.tracks * words(maxTokens) * one.experts;
            return new Places(
                    memory.allocate("experts of tokens", choices * Integer.BYTES),
                    memory.allocate("weights of experts", choices * Float.BYTES),
                    memory.allocate("tokens of experts", masks * Integer.BYTES),
                    memory.allocate("rows of experts", masks * Integer.BYTES),
                    memory.allocate("offsets of experts", (long) one.tracks * (one.experts + 1) * Integer.BYTES),
                    memory.allocate("blocks that route", (long) one.tracks * Integer.BYTES),
                    memory.allocate("load of experts", (long) one.tracks * LOAD_BYTES),
                    memory.pinned((long) one.tracks * LOAD_BYTES));
        });
    }

    @Override
    public void gather(Tensor out, Tensor x, Routing routing) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) x;
        launching()
                .get("gather", source(from.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(from.rows(), from.tracks(), ROW_THREADS),
                        ((CudaRouting) routing).struct(),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        from.cols());
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix experts, Routing routing) {
        fp8.forget();
        matmul.run(
                (CudaTensor) out,
                (CudaTensor) x,
                (CudaMatrix) experts,
                ((CudaRouting) routing).places.offsets.address());
    }

    @Override
    public void activate(Tensor out, Tensor x, Activation activation, Routing routing) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) x;
        float alpha = 1;
        float limit = 0;
        if (activation instanceof Activation.ClampedSwiGlu clamped) {
            alpha = (float) clamped.alpha();
            limit = (float) clamped.limit();
        }
        int vectors = Math.multiplyExact(to.rows(), to.cols() / CudaTensor.vector(to.cols()));
        launching()
                .get("activate", source(to.cols(), activation, from.cols() > to.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of((vectors + ELEMENT_THREADS - 1) / ELEMENT_THREADS, to.tracks(), ELEMENT_THREADS),
                        ((CudaRouting) routing).struct(),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        to.cols(),
                        alpha,
                        limit);
    }

    @Override
    public void gatherLinearActivate(
            Tensor out, Tensor gathered, Tensor up, Tensor x, Matrix experts, Activation activation, Routing routing) {
        gather(gathered, x, routing);
        boolean activated = matmul.runActivated(
                (CudaTensor) out,
                (CudaTensor) gathered,
                (CudaMatrix) experts,
                ((CudaRouting) routing).places.offsets.address(),
                activation);
        if (!activated) {
            linear(up, gathered, experts, routing);
            activate(out, up, activation, routing);
        }
    }

    @Override
    public void combine(Tensor out, Tensor x, Routing routing, boolean adds) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) x;
        launching()
                .get("combine", source(to.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(to.rows(), to.tracks(), ROW_THREADS),
                        ((CudaRouting) routing).struct(),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        to.cols(),
                        adds ? 1 : 0);
    }

    @Override
    public void gate(Tensor xInOut, Tensor gate) {
        CudaTensor x = (CudaTensor) xInOut;
        CudaTensor by = (CudaTensor) gate;
        launching()
                .get("gate", source(x.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), ROW_THREADS),
                        x.address(),
                        x.trackStride(),
                        by.address(),
                        by.trackStride(),
                        x.cols());
    }

    /** Returns the source of kernels that do not depend on the activation. */
    private static KernelSource source(int cols) {
        return source(cols, new Activation.Plain(Mlp.Activation.SILU), true);
    }

    static KernelSource source(int cols, Activation activation, boolean gated) {
        int function = activation instanceof Activation.Plain plain
                ? switch (plain.function()) {
                    case SILU -> 0;
                    case GELU_TANH -> 1;
                    case RELU_SQUARED -> 2;
                }
                : CLAMPED;
        return new KernelSource(
                "experts.cu",
                Map.of("VECTOR", CudaTensor.vector(cols), "ACTIVATION", function, "GATED", gated ? 1 : 0));
    }

    /** Enqueues the copy that {@link #load} reads. */
    void fetchLoad() {
        places.values()
                .forEach(one ->
                        one.hostLoad.copyFrom(one.load, one.hostLoad.view().capacity(), streams.main()));
    }

    /** Returns the counts up to the latest step that has ended. */
    @Override
    public synchronized Load load() {
        return last.orElseGet(this::counted);
    }

    private Load counted() {
        long tokens = 0;
        long busiest = 0;
        for (Places one : places.values()) {
            for (int at = 0; at < one.hostLoad.view().capacity(); at += LOAD_BYTES) {
                tokens += one.hostLoad.view().getLong(at);
                busiest += one.hostLoad.view().getLong(at + Long.BYTES);
            }
        }
        return new Load(tokens, busiest);
    }

    /** Keeps the counts, before the memory that {@link #load} reads is freed. */
    @Override
    public synchronized void close() {
        last = Optional.of(counted());
    }
}
