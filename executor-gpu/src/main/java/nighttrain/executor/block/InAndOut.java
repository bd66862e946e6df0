package nighttrain.executor.block;

import java.util.List;
import nighttrain.executor.block.Block.LayerMatrix;
import nighttrain.executor.block.Block.Operation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;

/**
 * The first and the last matrix of a block on one rank, {@code [inCols, hidden]} and {@code [hidden, outCols]}. The first reads a track's residual
 * stream, the last writes a partial output.
 */
record InAndOut(LayerMatrix in, LayerMatrix out) {
    /**
     * @param first the projections that the first matrix consists of
     */
    static InAndOut of(ModelSpec model, List<Linear> first, int inCols, Linear last, int outCols) {
        int hidden = last.outputs();
        return new InAndOut(
                LayerMatrix.of(model.formatOf(first), inCols, hidden),
                LayerMatrix.of(model.formatOf(List.of(last)), hidden, outCols));
    }

    int inCols() {
        return in.outputs();
    }

    int outCols() {
        return out.inputs();
    }

    int hidden() {
        return in.inputs();
    }

    List<LayerMatrix> matrices() {
        return List.of(in, out);
    }

    Operation first(int tracks, double tokens) {
        return Operation.linear(tracks, tokens, inCols(), hidden(), in.format());
    }

    Operation last(int tracks, double tokens) {
        return Operation.linear(tracks, tokens, hidden(), outCols(), out.format());
    }
}
