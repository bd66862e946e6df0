package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.KvPages;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;

/** One rank's keys and values, layer by layer; layers of one group use the same page numbers. */
record KvCache(List<KvPages> layers) {
    static KvCache allocate(Device device, ModelSpec model, Placement placement, CacheLayout layout) {
        List<KvPages> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers().size(); layer++) {
            Attention attention = (Attention) model.layers().get(layer).mixer();
            int group = layout.groupOf(layer);
            layers.add(device.kvPages(
                    "keys and values of layer " + layer,
                    group,
                    placement.localTracks(),
                    layout.groups().get(group).pages() + 1, // one is the scratch page
                    layout.pageTokens(),
                    placement.share(attention.kvHeads()),
                    attention.headDim()));
        }
        return new KvCache(List.copyOf(layers));
    }
}
