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
import nighttrain.io.spec.WeightFormat;

/** An MLP, gated or not: a rank has some of its columns. */
record MlpBlock(Mlp spec, Placement placement, WeightFormat upFormat, WeightFormat downFormat) implements Block {
    MlpBlock {
        boolean gated = spec.gate().isPresent();
        if (spec.activation() == Mlp.Activation.RELU_SQUARED || (spec.activation() == Mlp.Activation.SILU && !gated)) {
            throw new IllegalArgumentException("no device computes an MLP of " + spec.traits());
        }
    }

    static MlpBlock of(Mlp spec, Placement placement, ModelSpec model) {
        MlpBlock plain = new MlpBlock(spec, placement, WeightFormat.PLAIN, WeightFormat.PLAIN);
        int hidden = spec.down().outputs();
        return new MlpBlock(
                spec,
                placement,
                model.formatOf(plain.first()).of(plain.up().cols(), hidden),
                model.formatOf(List.of(spec.down())).of(hidden, plain.width()));
    }

    /** Gate, where there is one, and up. */
    private List<Linear> first() {
        return Stream.concat(spec.gate().stream(), Stream.of(spec.up())).toList();
    }

    @Override
    public List<Fp8Matrix> fp8Matrices() {
        int hidden = spec.down().outputs();
        return Stream.concat(Fp8Matrix.of(upFormat, up().cols(), hidden), Fp8Matrix.of(downFormat, hidden, width()))
                .toList();
    }

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
                Operation.linear(tracks, step.tokens(), up().cols(), hidden, upFormat),
                Operation.memory(tracks, step.tokens() * (double) (up().cols() + width())),
                Operation.linear(tracks, step.tokens(), hidden, width(), downFormat));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                loader.ops(),
                this,
                loader.byOutput("gate and up" + ofLayer, upFormat, first()),
                loader.byInput("down" + ofLayer, downFormat, spec.down()));
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
