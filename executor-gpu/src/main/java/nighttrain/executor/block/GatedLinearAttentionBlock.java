package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
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
import nighttrain.io.spec.Parameter;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/** Gated linear attention: a rank has whole heads, and of the decays' two layers the first as all others have it. */
record GatedLinearAttentionBlock(
        GatedLinearAttention spec,
        Placement placement,
        WeightFormat inFormat,
        WeightFormat outFormat,
        StateFormat states)
        implements Block {
    /** Of an element of S: it decays, and is part of {@code k v^T} and of {@code S^T q}. */
    private static final int FLOPS_PER_ELEMENT = 5;

    static GatedLinearAttentionBlock of(GatedLinearAttention spec, Placement placement, ModelSpec model) {
        GatedLinearAttentionBlock plain =
                new GatedLinearAttentionBlock(spec, placement, WeightFormat.PLAIN, WeightFormat.PLAIN, model.states());
        int hidden = spec.output().outputs();
        return new GatedLinearAttentionBlock(
                spec,
                placement,
                model.formatOf(plain.first()).of(plain.inCols(), hidden),
                model.formatOf(List.of(spec.output())).of(hidden, plain.shape().valueCols()),
                model.states());
    }

    private List<Linear> first() {
        return List.of(spec.query(), spec.key(), spec.value(), spec.gate());
    }

    private LinearShape shape() {
        return new LinearShape(
                placement.share(spec.heads()),
                spec.keyDim(),
                spec.valueDim(),
                (float) spec.decay().divisor(),
                spec.decay().least().map(Double::floatValue).orElse(Float.NEGATIVE_INFINITY));
    }

    private int inCols() {
        return shape().qkvCols() + shape().valueCols();
    }

    private int rank() {
        return spec.decay().down().outputs();
    }

    private BufferSpec queryKeyValueGate() {
        return new BufferSpec("queries, keys, values and gates", inCols());
    }

    private BufferSpec lowRank() {
        return new BufferSpec("decays in few numbers", rank());
    }

    private BufferSpec decays() {
        return new BufferSpec("decays of keys", shape().keyCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape().valueCols());
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
    public Map<Parameter, Integer> copies() {
        return Map.of(spec.decay().down(), placement.shards());
    }

    @Override
    public List<Fp8Matrix> fp8Matrices() {
        int hidden = spec.output().outputs();
        return Stream.concat(
                        Fp8Matrix.of(inFormat, inCols(), hidden), Fp8Matrix.of(outFormat, hidden, shape().valueCols()))
                .toList();
    }

    private int stateElements() {
        return shape().keyDim() * shape().valueCols();
    }

    private int latestElements() {
        return shape().qkvCols() * (spec.convolutions().get(0).width() - 1);
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        int hidden = spec.output().outputs();
        double tokens = (double) tracks * step.tokens();
        double sequences = (double) tracks * step.sequences();
        double mixing = shape().qkvCols();
        double values = shape().valueCols();
        List<Operation> operations = new ArrayList<>(List.of(
                Operation.linear(tracks, step.tokens(), inCols(), hidden, inFormat),
                Operation.linear(tracks, step.tokens(), rank(), hidden),
                Operation.linear(tracks, step.tokens(), shape().keyCols(), rank()),
                Operation.ofStates(
                        FLOPS_PER_ELEMENT * tokens * stateElements(),
                        tokens * (mixing + shape().keyCols() + values),
                        2 * sequences * stateElements(),
                        states),
                Operation.memory(tracks, step.tokens() * 3.0 * values),
                Operation.linear(tracks, step.tokens(), hidden, values, outFormat)));
        if (!spec.convolutions().isEmpty()) {
            operations.add(Operation.ofStates(
                    2 * tokens * mixing * spec.convolutions().get(0).width(),
                    2 * tokens * mixing,
                    2 * sequences * latestElements(),
                    states));
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
                shape(),
                loader.byOutput("queries, keys, values and gates" + ofLayer, inFormat, first()),
                loader.whole("decays in few numbers" + ofLayer, spec.decay().down()),
                loader.byOutput(
                        "decays of keys" + ofLayer,
                        WeightFormat.PLAIN,
                        List.of(spec.decay().up())),
                convolved,
                loader.normPerTrack("norm of mixed values" + ofLayer, spec.norm()),
                loader.states("states of layer " + layer, stateElements()),
                loader.byInput("linear attention's output" + ofLayer, outFormat, spec.output()));
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
