package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.Parameter.Linear;

/** An MLP, gated or not: a rank has some of its columns. */
record MlpBlock(Mlp spec, Placement placement) implements Block {
    private int width() {
        return placement.share(spec.width());
    }

    private boolean isGated() {
        return spec.gate().isPresent();
    }

    private BufferSpec up() {
        return new BufferSpec("up", isGated() ? 2 * width() : width());
    }

    private BufferSpec gated() {
        return new BufferSpec("gated", width());
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
        int hidden = spec.down().outputs();
        return List.of(
                Operation.linear(tracks, step.tokens(), up().cols(), hidden),
                Operation.memory(tracks, step.tokens() * (double) (up().cols() + width())),
                Operation.linear(tracks, step.tokens(), hidden, width()));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        List<Linear> parts = new ArrayList<>();
        spec.gate().ifPresent(parts::add);
        parts.add(spec.up());
        return new Loaded(
                loader.ops(),
                this,
                loader.byOutput("gate and up" + ofLayer, parts.toArray(Linear[]::new)),
                loader.byInput("down" + ofLayer, spec.down()));
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
