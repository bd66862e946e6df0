package nighttrain.executor.block;

import java.util.Optional;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.ModelSpec.Embedding;

/** Embeds tokens and learned positions into the first residual stream. Every rank has the tables whole. */
public record EmbeddingBlock(Embedding spec) {
    /** Loads the tables onto the device, with positions only up to the longest sequence. */
    public Loaded load(Loader loader) {
        return new Loaded(
                loader.ops(),
                loader.table("embedding", spec.tokens(), spec.tokens().rows(), spec.scale()),
                spec.positions().map(table -> loader.table("learned positions", table, loader.positions(), 1)));
    }

    /** An embedding whose tables are on the device. */
    public record Loaded(Ops ops, Tensor tokens, Optional<Tensor> positions) {
        public void run(Tensor stream) {
            ops.embed(stream, tokens);
            positions.ifPresent(table -> ops.addPositions(stream, table));
        }
    }
}
