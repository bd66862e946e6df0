package nighttrain.executor.block;

import java.util.List;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;

/** An MLP, gated or not. A rank has some of its columns. */
record MlpBlock(Mlp spec, Placement placement, InAndOut ends) implements Block {
    MlpBlock {
        boolean gated = spec.gate().isPresent();
        if (spec.activation() == Mlp.Activation.RELU_SQUARED || (spec.activation() == Mlp.Activation.SILU && !gated)) {
            throw new IllegalArgumentException("no device computes an MLP of " + spec.traits());
        }
    }

    static MlpBlock of(Mlp spec, Placement placement, ModelSpec model) {
        int width = placement.share(spec.width());
        List<Linear> first = first(spec);
        return new MlpBlock(spec, placement, InAndOut.of(model, first, first.size() * width, spec.down(), width));
    }

    /** The up projection, after the gate if there is one. */
    private static List<Linear> first(Mlp spec) {
        return Stream.concat(spec.gate().stream(), Stream.of(spec.up())).toList();
    }

    @Override
    public List<LayerMatrix> matrices() {
        return ends.matrices();
    }

    private boolean isGated() {
        return spec.gate().isPresent();
    }

    private BufferSpec up() {
        return new BufferSpec("up", ends.inCols());
    }

    private BufferSpec gated() {
        return new BufferSpec("gated", ends.outCols());
    }

    @Override
    public List<BufferSpec> buffers() {
        return isGated() ? List.of(up(), gated()) : List.of(up());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(new Divisible(spec.width(), "MLP columns"));
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        return List.of(
                ends.first(tracks, step.tokens()),
                Operation.memory(tracks, step.tokens() * (double) (ends.inCols() + ends.outCols())),
                ends.last(tracks, step.tokens()));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                loader.ops(),
                this,
                loader.byOutput("gate and up" + ofLayer, ends.in().format(), first(spec)),
                loader.byInput("down" + ofLayer, ends.out().format(), spec.down()));
    }

    private record Loaded(Ops ops, MlpBlock block, Matrix up, Matrix down) implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            ops.linear(out, activated(buffers, x), down);
        }

        private Tensor activated(Buffers buffers, Tensor x) {
            Tensor upOf = buffers.get(block.up());
            boolean silu = block.spec.activation() == Mlp.Activation.SILU;
            if (!block.isGated()) {
                ops.linear(upOf, x, up);
                ops.gelu(upOf);
                return upOf;
            }
            Tensor gated = buffers.get(block.gated());
            if (silu) {
                ops.linearSiluMul(gated, upOf, x, up);
            } else {
                ops.linear(upOf, x, up);
                ops.geluMul(gated, upOf);
            }
            return gated;
        }
    }
}
