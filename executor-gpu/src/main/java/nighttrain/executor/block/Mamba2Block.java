package nighttrain.executor.block;

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
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.Mamba2.Inputs;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.StateFormat;

/** Mamba-2 with its convolution: a rank has whole groups of heads, since outputs are normed by group. */
record Mamba2Block(Mamba2 spec, Placement placement, ScanShape shape, InAndOut ends, StateFormat states)
        implements Block {
    /** Of an element of S: it decays, and is part of {@code B x^T} and of {@code S^T C}. */
    private static final int FLOPS_PER_ELEMENT = 5;

    static Mamba2Block of(Mamba2 spec, Placement placement, ModelSpec model) {
        ScanShape shape = new ScanShape(
                placement.share(spec.heads().count()),
                spec.heads().dim(),
                placement.share(spec.heads().groups()),
                spec.heads().stateSize(),
                (float) spec.steps().least(),
                (float) spec.steps().most());
        int inCols = shape.stepCol() + shape.heads();
        InAndOut ends = InAndOut.of(model, first(spec), inCols, spec.output(), shape.valueCols());
        return new Mamba2Block(spec, placement, shape, ends, model.states());
    }

    private static List<Linear> first(Mamba2 spec) {
        Inputs inputs = spec.inputs();
        return List.of(inputs.value(), inputs.in(), inputs.out(), inputs.gate(), inputs.step());
    }

    private BufferSpec projected() {
        return new BufferSpec("values, states' ways in and out, gates and steps", ends.inCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape.valueCols());
    }

    @Override
    public List<BufferSpec> buffers() {
        return List.of(projected(), mixed());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(new Divisible(spec.heads().groups(), "groups of Mamba-2 heads"));
    }

    @Override
    public Optional<String> indivisible() {
        return spec.heads().groups() == 1
                ? Optional.of("outputs of this model's Mamba-2 layers are normed over all heads at once")
                : Optional.empty();
    }

    @Override
    public List<Fp8Matrix> fp8Matrices() {
        return ends.fp8Matrices();
    }

    private int stateElements() {
        return shape.stateSize() * shape.valueCols();
    }

    private int latestElements() {
        return shape.convolvedCols() * (spec.convolution().width() - 1);
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double convolved = shape.convolvedCols();
        double values = shape.valueCols();
        double moved = convolved + shape.heads() + values;
        return List.of(
                ends.first(tracks, step.tokens()),
                Operation.convolution(
                        tracks, step, convolved, spec.convolution().width(), states),
                Operation.recurrence(tracks, step, FLOPS_PER_ELEMENT, stateElements(), moved, states),
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
                loader.byOutput("Mamba-2's input" + ofLayer, ends.in(), first(spec)),
                loader.convolution(
                        "convolution" + ofLayer,
                        spec.convolution(),
                        List.of(
                                spec.inputs().value().outputs(),
                                spec.inputs().in().outputs(),
                                spec.inputs().out().outputs())),
                new Decay(
                        loader.exponentials("decay" + ofLayer, spec.rate()),
                        loader.perHead("bias of steps" + ofLayer, spec.stepBias())),
                loader.perHead("skip" + ofLayer, spec.skip()),
                loader.normByOutput("norm of mixed values" + ofLayer, spec.norm()),
                loader.states("latest tokens of layer " + layer, latestElements()),
                loader.states("states of layer " + layer, stateElements()),
                loader.byInput("Mamba-2's output" + ofLayer, ends.out(), spec.output()));
    }

    private record Loaded(
            Ops ops,
            RecurrentOps recurrent,
            Mamba2Block block,
            ScanShape shape,
            Matrix input,
            Convolution convolution,
            Decay decay,
            Tensor skip,
            Norm norm,
            States latest,
            States states,
            Matrix output)
            implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            Tensor projected = buffers.get(block.projected());
            Tensor mixed = buffers.get(block.mixed());
            ops.linear(projected, x, input);
            recurrent.convolve(projected, convolution, latest);
            recurrent.selectiveScan(mixed, projected, shape, decay, skip, states);
            recurrent.gateAndNorm(mixed, norm, shape.groups(), projected, shape.convolvedCols());
            ops.linear(out, mixed, output);
        }
    }
}
