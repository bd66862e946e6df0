package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.RecurrentOps.LinearShape;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/** Gated linear attention. A rank has whole heads, and the whole first of the two layers that compute the decays. */
record GatedLinearAttentionBlock(
        GatedLinearAttention spec, Placement placement, LinearShape shape, InAndOut ends, StateFormat states)
        implements Block {
    /** Operations per element of S and token: its decay, and its part of {@code k v^T} and of {@code S^T q}. */
    private static final int FLOPS_PER_ELEMENT = 5;

    static GatedLinearAttentionBlock of(GatedLinearAttention spec, Placement placement, ModelSpec model) {
        LinearShape shape = new LinearShape(
                placement.share(spec.heads()),
                spec.keyDim(),
                spec.valueDim(),
                (float) spec.decay().divisor(),
                spec.decay().least().map(Double::floatValue).orElse(Float.NEGATIVE_INFINITY));
        int inCols = shape.qkvCols() + shape.valueCols();
        InAndOut ends = InAndOut.of(model, first(spec), inCols, spec.output(), shape.valueCols());
        return new GatedLinearAttentionBlock(spec, placement, shape, ends, model.states());
    }

    private static List<Linear> first(GatedLinearAttention spec) {
        return List.of(spec.query(), spec.key(), spec.value(), spec.gate());
    }

    private int rank() {
        return spec.decay().down().outputs();
    }

    private BufferSpec queryKeyValueGate() {
        return new BufferSpec("queries, keys, values and gates", ends.inCols());
    }

    private BufferSpec lowRank() {
        return new BufferSpec("decays in few numbers", rank());
    }

    private BufferSpec decays() {
        return new BufferSpec("decays of keys", shape.keyCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape.valueCols());
    }

    @Override
    public List<BufferSpec> buffers() {
        return List.of(queryKeyValueGate(), lowRank(), decays(), mixed());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(new Divisible(spec.heads(), "heads of gated linear attention"));
    }

    @Override
    public long copiedElements() {
        return (placement.shards() - 1L) * spec.decay().down().elements();
    }

    @Override
    public List<LayerMatrix> matrices() {
        return ends.matrices();
    }

    private int stateElements() {
        return shape.keyDim() * shape.valueCols();
    }

    private int latestElements() {
        return shape.qkvCols() * (spec.convolutions().get(0).width() - 1);
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double qkv = shape.qkvCols();
        double values = shape.valueCols();
        double moved = qkv + shape.keyCols() + values;
        List<Operation> operations = new ArrayList<>(List.of(
                ends.first(tracks, step.tokens()),
                Operation.linear(tracks, step.tokens(), rank(), ends.hidden()),
                Operation.linear(tracks, step.tokens(), shape.keyCols(), rank()),
                Operation.recurrence(tracks, step, FLOPS_PER_ELEMENT, stateElements(), moved, states),
                Operation.memory(tracks, step.tokens() * 3.0 * values),
                ends.last(tracks, step.tokens())));
        if (!spec.convolutions().isEmpty()) {
            operations.add(Operation.convolution(
                    tracks, step, qkv, spec.convolutions().get(0).width(), states));
        }
        return operations;
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        Optional<Convolved> convolved = spec.convolutions().isEmpty()
                ? Optional.empty()
                : Optional.of(new Convolved(
                        loader.convolutions("convolution" + ofLayer, spec.convolutions()),
                        loader.states("latest tokens of layer " + layer, latestElements())));
        return new Loaded(
                loader.ops(),
                loader.recurrentOps(),
                this,
                shape,
                loader.byOutput(
                        "queries, keys, values and gates" + ofLayer, ends.in().format(), first(spec)),
                loader.whole("decays in few numbers" + ofLayer, spec.decay().down()),
                loader.byOutput(
                        "decays of keys" + ofLayer,
                        WeightFormat.PLAIN,
                        List.of(spec.decay().up())),
                convolved,
                loader.normPerTrack("norm of mixed values" + ofLayer, spec.norm()),
                loader.states("states of layer " + layer, stateElements()),
                loader.byInput("linear attention's output" + ofLayer, ends.out().format(), spec.output()));
    }

    private record Convolved(Convolution convolution, States latest) {}

    private record Loaded(
            Ops ops,
            RecurrentOps recurrent,
            GatedLinearAttentionBlock block,
            LinearShape shape,
            Matrix queryKeyValueGate,
            Matrix decayDown,
            Matrix decayUp,
            Optional<Convolved> convolved,
            Norm norm,
            States states,
            Matrix output)
            implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            Tensor qkvGate = buffers.get(block.queryKeyValueGate());
            Tensor lowRank = buffers.get(block.lowRank());
            Tensor decays = buffers.get(block.decays());
            Tensor mixed = buffers.get(block.mixed());
            ops.linear(qkvGate, x, queryKeyValueGate);
            ops.linear(lowRank, x, decayDown);
            ops.linear(decays, lowRank, decayUp);
            convolved.ifPresent(one -> recurrent.convolve(qkvGate, one.convolution, one.latest));
            recurrent.gatedLinear(mixed, qkvGate, decays, shape, states);
            recurrent.normAndGate(mixed, norm, qkvGate, shape.qkvCols());
            ops.linear(out, mixed, output);
        }
    }
}
