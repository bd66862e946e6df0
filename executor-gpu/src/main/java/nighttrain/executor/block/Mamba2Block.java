package nighttrain.executor.block;

import java.util.List;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.block.Loader.Projection;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.GroupSquares;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.Mamba2.Heads;
import nighttrain.io.spec.Mamba2.Inputs;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.StateFormat;

/**
 * Mamba-2 with its convolution. A rank has whole heads, and B and C of their groups. Outputs are normed by group: if ranks share a group, each has a
 * copy of its B and C, and they sum its squares before the norm.
 */
record Mamba2Block(Mamba2 spec, Placement placement, ScanShape shape, InAndOut ends, StateFormat states)
        implements Block {
    /** Operations per element of S and token: its decay, and its part of {@code B x^T} and of {@code S^T C}. */
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
        List<Linear> first = inputs(spec).stream().map(Projection::linear).toList();
        InAndOut ends = InAndOut.of(model, first, inCols, spec.output(), shape.valueCols());
        return new Mamba2Block(spec, placement, shape, ends, model.states());
    }

    /** Returns the input projections in the order of their columns; the convolved ones are first. */
    static List<Projection> inputs(Mamba2 spec) {
        Inputs inputs = spec.inputs();
        int dim = spec.heads().dim();
        int stateSize = spec.heads().stateSize();
        return List.of(
                new Projection(inputs.value(), dim),
                new Projection(inputs.in(), stateSize),
                new Projection(inputs.out(), stateSize),
                new Projection(inputs.gate(), dim),
                new Projection(inputs.step(), 1));
    }

    /** Returns the number of ranks that have heads of one group. */
    private int ranksOfGroup() {
        return placement.copies(spec.heads().groups());
    }

    private BufferSpec projected() {
        return new BufferSpec("values, states' ways in and out, gates and steps", ends.inCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape.valueCols());
    }

    private BufferSpec ownSquares() {
        return BufferSpec.inFp32(
                "squares of a rank's mixed values", spec.heads().groups());
    }

    private BufferSpec squares() {
        return BufferSpec.inFp32("squares of mixed values", spec.heads().groups());
    }

    @Override
    public List<BufferSpec> buffers() {
        return ranksOfGroup() == 1
                ? List.of(projected(), mixed())
                : List.of(projected(), mixed(), ownSquares(), squares());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(
                new Divisible(spec.heads().count(), "Mamba-2 heads"),
                new Divisible(spec.heads().groups(), "groups of Mamba-2 heads", true));
    }

    @Override
    public long copiedElements() {
        long ofGroups = spec.inputs().in().elements() + spec.inputs().out().elements();
        long channels = 2L * spec.heads().groups() * spec.heads().stateSize();
        return (ranksOfGroup() - 1) * (ofGroups + channels * spec.convolution().elementsPerChannel());
    }

    @Override
    public int summedPerToken() {
        return ranksOfGroup() == 1 ? 0 : spec.heads().groups();
    }

    @Override
    public List<LayerMatrix> matrices() {
        return ends.matrices();
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
                Operation.memory(tracks, step.tokens() * (ranksOfGroup() == 1 ? 3.0 : 5.0) * values),
                ends.last(tracks, step.tokens()));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        List<Projection> inputs = inputs(spec);
        return new Loaded(
                loader.ops(),
                loader.recurrentOps(),
                loader.device().communicator(),
                this,
                shape,
                loader.byUnit("Mamba-2's input" + ofLayer, ends.in().format(), inputs),
                loader.convolution("convolution" + ofLayer, spec.convolution(), inputs.subList(0, 3)),
                new Decay(
                        loader.exponentials("decay" + ofLayer, spec.rate()),
                        loader.perHead("bias of steps" + ofLayer, spec.stepBias())),
                loader.perHead("skip" + ofLayer, spec.skip()),
                loader.normByOutput("norm of mixed values" + ofLayer, spec.norm()),
                loader.states("latest tokens of layer " + layer, latestElements()),
                loader.states("states of layer " + layer, stateElements()),
                loader.byInput("Mamba-2's output" + ofLayer, ends.out().format(), spec.output()));
    }

    private record Loaded(
            Ops ops,
            RecurrentOps recurrent,
            Communicator ranks,
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
            if (block.ranksOfGroup() == 1) {
                recurrent.gateAndNorm(mixed, norm, shape.groups(), projected, shape.convolvedCols());
            } else {
                gateAndNormInPart(buffers, mixed, projected);
            }
            ops.linear(out, mixed, output);
        }

        /**
         * Gates and norms this rank's part of a group. The next layer overwrites the buffer of squares, which peers may read until another all-reduce
         * has ended. They have read it by then, since the layer's output is summed in between.
         */
        private void gateAndNormInPart(Buffers buffers, Tensor mixed, Tensor projected) {
            Heads heads = block.spec.heads();
            int group = block.placement.from(heads.groups());
            Tensor own = buffers.get(block.ownSquares());
            recurrent.gatedSquares(own, group, mixed, projected, shape.convolvedCols());
            Tensor sums = ranks.allReduceNow(buffers.get(block.squares()), own, 1f);
            GroupSquares squares = new GroupSquares(sums, group, heads.groupValues());
            recurrent.gateAndNorm(mixed, norm, squares, projected, shape.convolvedCols());
        }
    }
}
