package nighttrain.executor.model;

import nighttrain.executor.architecture.Placement;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/** The columns of one rank that the widest layer needs of each buffer, per track. */
record WidestLayer(int queries, int queryKeyValue, int up, int gated) {
    static WidestLayer of(ModelSpec model, Placement placement) {
        return model.layers().stream()
                .map(layer -> of(layer, placement))
                .reduce(new WidestLayer(0, 0, 0, 0), WidestLayer::and);
    }

    private static WidestLayer of(LayerSpec layer, Placement placement) {
        Attention attention = (Attention) layer.mixer();
        Mlp mlp = (Mlp) layer.feedForward();
        int queries = placement.share(attention.heads()) * attention.headDim();
        int keys = placement.share(attention.kvHeads()) * attention.headDim();
        int width = placement.share(mlp.width());
        boolean gated = mlp.gate().isPresent();
        return new WidestLayer(queries, queries + 2 * keys, gated ? 2 * width : width, gated ? width : 0);
    }

    private WidestLayer and(WidestLayer other) {
        return new WidestLayer(
                Math.max(queries, other.queries),
                Math.max(queryKeyValue, other.queryKeyValue),
                Math.max(up, other.up),
                Math.max(gated, other.gated));
    }
}
