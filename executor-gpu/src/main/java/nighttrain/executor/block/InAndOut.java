package nighttrain.executor.block;

import java.util.List;
import java.util.stream.Stream;
import nighttrain.executor.block.Block.Fp8Matrix;
import nighttrain.executor.block.Block.Operation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.WeightFormat;

/**
 * The first and the last matrix of a part of a layer on one rank, {@code [inCols, hidden]} and {@code [hidden, outCols]}: they read a track's
 * residual stream, and make a partial output of it.
 *
 * @param in format of the first
 * @param out format of the last
 */
record InAndOut(WeightFormat in, WeightFormat out, int inCols, int outCols, int hidden) {
    /** @param first what the first matrix is made of */
    static InAndOut of(ModelSpec model, List<Linear> first, int inCols, Linear last, int outCols) {
        int hidden = last.outputs();
        return new InAndOut(
                model.formatOf(first).of(inCols, hidden),
                model.formatOf(List.of(last)).of(hidden, outCols),
                inCols,
                outCols,
                hidden);
    }

    List<Fp8Matrix> fp8Matrices() {
        return Stream.concat(Fp8Matrix.of(in, inCols, hidden), Fp8Matrix.of(out, hidden, outCols))
                .toList();
    }

    Operation first(int tracks, double tokens) {
        return Operation.linear(tracks, tokens, inCols, hidden, in);
    }

    Operation last(int tracks, double tokens) {
        return Operation.linear(tracks, tokens, hidden, outCols, out);
    }
}
