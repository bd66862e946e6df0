package nighttrain.executor.cache;

import java.util.List;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;

/** What the layers of a model keep: the one place that reads it from the model's description. */
public final class ModelCaches {
    private ModelCaches() {}

    /**
     * Layer by layer.
     *
     * @param elementBytes bytes of a key's or value's element on the devices
     * @param maxModelLen longest sequence: a window that is no shorter counts as none
     */
    public static List<CacheSpec> of(ModelSpec model, int elementBytes, int maxModelLen) {
        return model.layers().stream()
                .map(layer -> (Attention) layer.mixer())
                .<CacheSpec>map(attention -> new CacheSpec.PagedKv(
                        model.trackCount() * attention.kvHeads(),
                        attention.headDim(),
                        attention.window() >= maxModelLen ? 0 : attention.window(),
                        elementBytes))
                .toList();
    }
}
