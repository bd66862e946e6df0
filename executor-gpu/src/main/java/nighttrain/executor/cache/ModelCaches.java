package nighttrain.executor.cache;

import java.util.List;
import nighttrain.io.checkpoint.ModelConfig;

/** What the layers of a model keep: the one place that reads it from the model's description. */
public final class ModelCaches {
    private ModelCaches() {}

    /**
     * Layer by layer.
     *
     * @param elementBytes bytes of a key's or value's element on the devices
     * @param maxModelLen longest sequence: a window that is no shorter counts as none
     */
    public static List<CacheSpec> of(ModelConfig model, int elementBytes, int maxModelLen) {
        return model.block().windows().stream()
                .<CacheSpec>map(window -> new CacheSpec.PagedKv(
                        model.trackCount() * model.kvHeads(),
                        model.headDim(),
                        window >= maxModelLen ? 0 : window,
                        elementBytes))
                .toList();
    }
}
