package nighttrain.executor.block;

import java.util.List;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.block.Loader.Projection;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.DeltaShape;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.GatedDeltaNet.Heads;
import nighttrain.io.spec.GatedDeltaNet.Inputs;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/** A gated delta net with its convolution. A rank has whole value heads and the key heads that they read. */
record GatedDeltaNetBlock(GatedDeltaNet spec, Placement placement, DeltaShape shape, InAndOut ends, StateFormat states)
        implements Block {
    /** Operations per element of S and token: its decay, and its part of {@code S^T k}, of {@code k u^T} and of {@code S^T q}. */
    private static final int FLOPS_PER_ELEMENT = 7;

    static GatedDeltaNetBlock of(GatedDeltaNet spec, Placement placement, ModelSpec model) {
        Heads heads = spec.heads();
        DeltaShape shape = new DeltaShape(
                placement.share(heads.keys()), placement.share(heads.values()), heads.keyDim(), heads.valueDim());
        int inCols = shape.qkvCols() + shape.valueCols();
        InAndOut ends = InAndOut.of(model, first(spec), inCols, spec.output(), shape.valueCols());
        return new GatedDeltaNetBlock(spec, placement, shape, ends, model.states());
    }

    private static List<Linear> first(GatedDeltaNet spec) {
        Inputs inputs = spec.inputs();
        return List.of(inputs.query(), inputs.key(), inputs.value(), inputs.gate());
    }

    private BufferSpec queryKeyValueGate() {
        return new BufferSpec("queries, keys, values and gates", ends.inCols());
    }

    private BufferSpec betaDecay() {
        return new BufferSpec("betas and decays", 2 * shape.valueHeads());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape.valueCols());
    }

    @Override
    public List<BufferSpec> buffers() {
        return List.of(queryKeyValueGate(), betaDecay(), mixed());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(
                new Divisible(spec.heads().keys(), "key heads of delta nets"),
                new Divisible(spec.heads().values(), "value heads of delta nets"));
    }

    @Override
    public List<LayerMatrix> matrices() {
        return ends.matrices();
    }

    private int stateElements() {
        return shape.keyDim() * shape.valueCols();
    }

    private int latestElements() {
        return shape.qkvCols() * (spec.convolution().width() - 1);
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double qkv = shape.qkvCols();
        double values = shape.valueCols();
        double gates = 2.0 * shape.valueHeads();
        return List.of(
                ends.first(tracks, step.tokens()),
                Operation.linear(tracks, step.tokens(), gates, ends.hidden()),
                Operation.convolution(tracks, step, qkv, spec.convolution().width(), states),
                Operation.recurrence(tracks, step, FLOPS_PER_ELEMENT, stateElements(), qkv + gates + values, states),
                Operation.memory(tracks, step.tokens() * 3.0 * values),
                ends.last(tracks, step.tokens()));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                loader.ops(),
                loader.recurrentOps(),
                this,
                shape,
                loader.byOutput(
                        "queries, keys, values and gates" + ofLayer, ends.in().format(), first(spec)),
                loader.byOutput(
                        "betas and decays" + ofLayer,
                        WeightFormat.PLAIN,
                        List.of(spec.inputs().beta(), spec.inputs().decay())),
                loader.convolution(
                        "convolution" + ofLayer,
                        spec.convolution(),
                        Projection.each(
                                List.of(
                                        spec.inputs().query(),
                                        spec.inputs().key(),
                                        spec.inputs().value()),
                                1)),
                new Decay(
                        loader.exponentials("decay" + ofLayer, spec.rate()),
                        loader.perHead("bias of decay" + ofLayer, spec.decayBias())),
                loader.normPerTrack("norm of mixed values" + ofLayer, spec.norm()),
                loader.states("latest tokens of layer " + layer, latestElements()),
                loader.states("states of layer " + layer, stateElements()),
                loader.byInput("delta net's output" + ofLayer, ends.out().format(), spec.output()));
    }

    private record Loaded(
            Ops ops,
            RecurrentOps recurrent,
            GatedDeltaNetBlock block,
            DeltaShape shape,
            Matrix queryKeyValueGate,
            Matrix betaDecay,
            Convolution convolution,
            Decay decay,
            Norm norm,
            States latest,
            States states,
            Matrix output)
            implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            Tensor qkvGate = buffers.get(block.queryKeyValueGate());
            Tensor betasAndDecays = buffers.get(block.betaDecay());
            Tensor mixed = buffers.get(block.mixed());
            ops.linear(qkvGate, x, queryKeyValueGate);
            ops.linear(betasAndDecays, x, betaDecay);
            recurrent.convolve(qkvGate, convolution, latest);
            recurrent.gatedDelta(mixed, qkvGate, betasAndDecays, shape, decay, states);
            recurrent.normAndGate(mixed, norm, qkvGate, shape.qkvCols());
            ops.linear(out, mixed, output);
        }
    }
}
