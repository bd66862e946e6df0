package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.ExpertOps.Choice;
import nighttrain.executor.device.ExpertOps.Routing;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.WeightFormat;

/**
 * A mixture of experts. A rank has some of the experts whole, the router whole, and some of the shared expert's columns. Every rank routes all
 * tokens, and computes the part of the output that its own experts contribute.
 */
record MoeBlock(
        MixtureOfExperts spec,
        Placement placement,
        Optional<MlpBlock> shared,
        LayerMatrix upMatrix,
        LayerMatrix downMatrix)
        implements Block {
    /** Most inputs of experts in 8 bits: tensor cores keep few bits of sums of 8-bit products, too few for more inputs. */
    private static final int MOST_FP8_INPUTS = 4096;

    static MoeBlock of(MixtureOfExperts spec, Placement placement, ModelSpec model) {
        Optional<MlpBlock> shared = spec.shared().map(one -> MlpBlock.of(one.mlp(), placement, model));
        int hidden = spec.router().logits().inputs();
        int upCols = (spec.isGated() ? 2 : 1) * spec.width();
        UnaryOperator<LayerMatrix> ofRank = one ->
                one.times(placement.share(spec.experts().size()), spec.router().chosen());
        return new MoeBlock(
                spec,
                placement,
                shared,
                ofRank.apply(matrix(model.formatOf(all(spec, MoeBlock::first)), upCols, hidden)),
                ofRank.apply(matrix(model.formatOf(all(spec, MoeBlock::last)), hidden, spec.width())));
    }

    private static LayerMatrix matrix(WeightFormat asked, int outputs, int inputs) {
        LayerMatrix matrix = LayerMatrix.of(asked, outputs, inputs);
        return matrix.format() == WeightFormat.FP8 && inputs > MOST_FP8_INPUTS
                ? matrix.hinderedBy("8 bits are too few for experts of more than " + MOST_FP8_INPUTS + " inputs")
                : matrix;
    }

    private int hidden() {
        return spec.router().logits().inputs();
    }

    private int chosen() {
        return spec.router().chosen();
    }

    private BufferSpec normed() {
        return new BufferSpec("what the router reads", hidden());
    }

    private BufferSpec logits() {
        return BufferSpec.inFp32("router logits", spec.experts().size());
    }

    private BufferSpec gathered() {
        return new BufferSpec("tokens by expert", hidden(), chosen());
    }

    private BufferSpec up() {
        return new BufferSpec("up of experts", (spec.isGated() ? 2 : 1) * spec.width(), chosen());
    }

    private BufferSpec activated() {
        return new BufferSpec("activated of experts", spec.width(), chosen());
    }

    private static BufferSpec sharedGateOf() {
        return new BufferSpec("gate of the shared expert", 1);
    }

    @Override
    public List<BufferSpec> buffers() {
        List<BufferSpec> buffers = new ArrayList<>(List.of(logits(), gathered(), up(), activated()));
        spec.router().norm().ifPresent(norm -> buffers.add(normed()));
        shared.ifPresent(mlp -> buffers.addAll(mlp.buffers()));
        spec.shared().flatMap(MixtureOfExperts.Shared::gate).ifPresent(gate -> buffers.add(sharedGateOf()));
        return buffers;
    }

    @Override
    public List<Divisible> divisibles() {
        List<Divisible> divisibles =
                new ArrayList<>(List.of(new Divisible(spec.experts().size(), "experts")));
        shared.ifPresent(mlp -> divisibles.addAll(mlp.divisibles()));
        return divisibles;
    }

    @Override
    public long copiedElements() {
        return (placement.shards() - 1L)
                * Stream.concat(
                                spec.router().parameters().stream(),
                                spec.shared().flatMap(MixtureOfExperts.Shared::gate).stream())
                        .filter(parameter -> !(parameter instanceof Parameter.Norm))
                        .mapToLong(Parameter::elements)
                        .sum();
    }

    /** The routing kernel has a thread for every expert, and a lane of a warp for every choice and every group. */
    @Override
    public Optional<String> missingOnGpus() {
        Router router = spec.router();
        return spec.experts().size() > 512
                        || chosen() > 32
                        || router.groups().map(Router.Groups::count).orElse(1) > 32
                ? Optional.of("mixtures of more than 512 experts, or 32 a token, or 32 groups")
                : Optional.empty();
    }

    @Override
    public List<LayerMatrix> matrices() {
        List<LayerMatrix> matrices = new ArrayList<>(List.of(upMatrix, downMatrix));
        shared.ifPresent(mlp -> matrices.addAll(mlp.matrices()));
        return matrices;
    }

    /** The number of this rank's experts that are read is the number that tokens are expected to choose if they choose evenly. */
    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double experts = placement.share(spec.experts().size());
        double missed = Math.pow(1 - chosen() / (double) spec.experts().size(), step.tokens());
        double hit = experts * (1 - missed);
        double rows = step.tokens() * (double) chosen() / placement.shards();
        List<Operation> operations = new ArrayList<>(List.of(
                routing(tracks, step.tokens()),
                Operation.memory(tracks, 2 * rows * hidden()),
                grouped(tracks, hit, rows, up().cols(), hidden(), upMatrix.format()),
                Operation.memory(tracks, rows * (up().cols() + spec.width())),
                grouped(tracks, hit, rows, hidden(), spec.width(), downMatrix.format()),
                Operation.memory(tracks, (rows + step.tokens()) * hidden())));
        shared.ifPresent(mlp -> operations.addAll(mlp.operations(step)));
        return operations;
    }

    /** The router's matmul, whose outputs are fp32. */
    private Operation routing(int tracks, double tokens) {
        double experts = spec.experts().size();
        return new Operation(
                2 * tracks * tokens * experts * hidden(),
                tracks * (experts + tokens) * hidden(),
                tracks * tokens * experts);
    }

    private static Operation grouped(
            int tracks, double hit, double rows, double outputs, double inputs, WeightFormat format) {
        double read = tracks * (hit * outputs * inputs + rows * inputs);
        double written = tracks * rows * outputs;
        double flops = 2 * tracks * rows * outputs * inputs;
        return format == WeightFormat.PLAIN
                ? new Operation(flops, read + written, 0)
                : new Operation(flops, written, 0, read);
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        Router router = spec.router();
        int experts = spec.experts().size();
        return new Loaded(
                loader.ops(),
                loader.device().expertOps().orElseThrow(),
                this,
                router.norm().map(norm -> loader.normPerTrack("norm of the router" + ofLayer, norm)),
                loader.whole("router" + ofLayer, router.logits()),
                new Choice(
                        router,
                        router.correction().map(one -> loader.vector("correction of the router" + ofLayer, one)),
                        router.expertScales().map(one -> loader.vector("scales of experts" + ofLayer, one)),
                        placement.from(experts),
                        placement.share(experts)),
                loader.experts("gate and up of experts" + ofLayer, upMatrix.format(), parts(MoeBlock::first)),
                loader.experts("down of experts" + ofLayer, downMatrix.format(), parts(MoeBlock::last)),
                shared.map(mlp -> mlp.load(loader, layer)),
                spec.shared()
                        .flatMap(MixtureOfExperts.Shared::gate)
                        .map(gate -> loader.whole("gate of the shared expert" + ofLayer, gate)));
    }

    private List<List<Linear>> parts(Function<Expert, List<Linear>> of) {
        return spec.experts().stream().map(of).toList();
    }

    private static List<Linear> all(MixtureOfExperts spec, Function<Expert, List<Linear>> of) {
        return spec.experts().stream()
                .flatMap(expert -> of.apply(expert).stream())
                .toList();
    }

    private static List<Linear> last(Expert expert) {
        return List.of(expert.down());
    }

    /** The up projection, after the gate if there is one. */
    private static List<Linear> first(Expert expert) {
        List<Linear> first = new ArrayList<>();
        expert.gate().ifPresent(first::add);
        first.add(expert.up());
        return first;
    }

    private record Loaded(
            Ops ops,
            ExpertOps experts,
            MoeBlock block,
            Optional<Norm> routerNorm,
            Matrix router,
            Choice choice,
            Matrix up,
            Matrix down,
            Optional<Module> shared,
            Optional<Matrix> sharedGate)
            implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            Routing routing = route(buffers, x);
            Tensor gathered = buffers.get(block.gathered());
            Tensor upOf = buffers.get(block.up());
            Tensor activated = buffers.get(block.activated());
            experts.gatherLinearActivate(activated, gathered, upOf, x, up, block.spec.activation(), routing);
            experts.linear(gathered, activated, down, routing);
            shared.ifPresent(mlp -> share(mlp, buffers, x, out));
            experts.combine(out, gathered, routing, shared.isPresent());
        }

        private Routing route(Buffers buffers, Tensor x) {
            Tensor logits = buffers.get(block.logits());
            Tensor read = x;
            if (routerNorm.isPresent()) {
                read = buffers.get(block.normed());
                ops.norm(read, x, routerNorm.get());
            }
            ops.linear(logits, read, router);
            return experts.route(logits, choice);
        }

        private void share(Module mlp, Buffers buffers, Tensor x, Tensor out) {
            if (sharedGate.isEmpty()) {
                mlp.run(buffers, x, out);
                return;
            }
            Tensor gate = buffers.get(sharedGateOf());
            ops.linear(gate, x, sharedGate.get());
            mlp.run(buffers, x, out);
            experts.gate(out, gate);
        }
    }
}
