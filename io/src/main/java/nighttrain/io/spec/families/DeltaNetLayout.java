package nighttrain.io.spec.families;

import nighttrain.io.UserError;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Order;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.TensorSpec.Fill;

/**
 * Gated delta nets of these sizes, in the layouts that checkpoints keep them in. {@code at} is how a net's names begin.
 *
 * @param hidden what a net reads and writes
 * @param width of the convolution
 * @param epsilon of its norm
 */
record DeltaNetLayout(int keyHeads, int valueHeads, int keyDim, int valueDim, int hidden, int width, double epsilon) {
    static DeltaNetLayout of(ConfigJson json, int hidden, double epsilon) {
        DeltaNetLayout layout = new DeltaNetLayout(
                json.size("linear_num_key_heads", 16),
                json.size("linear_num_value_heads", 32),
                json.size("linear_key_head_dim", 128),
                json.size("linear_value_head_dim", 128),
                hidden,
                json.size("linear_conv_kernel_dim", 4),
                epsilon);
        if (layout.valueHeads % layout.keyHeads != 0) {
            throw UserError.of(
                    "bad linear_num_key_heads in " + json.file(),
                    layout.keyHeads,
                    "must divide linear_num_value_heads, " + layout.valueHeads + "; correct it");
        }
        return layout;
    }

    /** Queries, keys and values in one tensor, all heads of each side by side; gates, betas and decays in their own (Qwen 3.5). */
    GatedDeltaNet sideBySide(String at) {
        int mixed = 2 * keys() + values();
        return net(
                at,
                part(at + "in_proj_qkv", keys(), new Storage(0, mixed, false)),
                part(at + "in_proj_qkv", keys(), new Storage(keys(), mixed, false)),
                part(at + "in_proj_qkv", values(), new Storage(2 * keys(), mixed, false)),
                Linear.of(at + "in_proj_z", values(), hidden, false),
                Linear.of(at + "in_proj_b", valueHeads, hidden, false),
                Linear.of(at + "in_proj_a", valueHeads, hidden, false));
    }

    /**
     * In two tensors, key head by key head: its query, its key, and the values and the gates of the value heads that read it; their betas
     * and their decays (Qwen 3 Next).
     */
    GatedDeltaNet byKeyHead(String at) {
        int readers = valueHeads / keyHeads;
        int ofReaders = readers * valueDim;
        int group = 2 * keyDim + 2 * ofReaders;
        String mixed = at + "in_proj_qkvz";
        String steps = at + "in_proj_ba";
        return net(
                at,
                grouped(mixed, 0, keyDim, group),
                grouped(mixed, keyDim, keyDim, group),
                grouped(mixed, 2 * keyDim, ofReaders, group),
                grouped(mixed, 2 * keyDim + ofReaders, ofReaders, group),
                grouped(steps, 0, readers, 2 * readers),
                grouped(steps, readers, readers, 2 * readers));
    }

    private int keys() {
        return keyHeads * keyDim;
    }

    private int values() {
        return valueHeads * valueDim;
    }

    /** Of every key head's {@code group} outputs, {@code length} from {@code first} on. */
    private Linear grouped(String name, int first, int length, int group) {
        return part(
                name, keyHeads * length, new Storage(first, new Order.Runs(length, group), keyHeads * group, false));
    }

    private Linear part(String name, int outputs, Storage storage) {
        return Linear.of(name, outputs, hidden, false).storedAs(storage);
    }

    private GatedDeltaNet net(
            String at, Linear query, Linear key, Linear value, Linear gate, Linear beta, Linear decay) {
        return new GatedDeltaNet(
                keyHeads,
                valueHeads,
                keyDim,
                valueDim,
                query,
                key,
                value,
                gate,
                beta,
                decay,
                Convolution.of(at + "conv1d", 2 * keys() + values(), width),
                new Vector(at + "A_log", valueHeads, Fill.ZERO),
                new Vector(at + "dt_bias", valueHeads, Fill.ONE),
                Norm.rms(at + "norm", valueDim, epsilon),
                Linear.of(at + "out_proj", hidden, values(), false));
    }
}
