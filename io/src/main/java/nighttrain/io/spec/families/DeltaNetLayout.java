package nighttrain.io.spec.families;

import nighttrain.io.UserError;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.GatedDeltaNet.Heads;
import nighttrain.io.spec.GatedDeltaNet.Inputs;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Order;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.TensorSpec.Fill;

/**
 * Gated delta nets of these sizes, in the layouts of published checkpoints. {@code at} is the prefix of a net's names.
 *
 * @param hidden width of a net's input and output
 * @param width width of the convolution
 * @param epsilon epsilon of the net's norm
 */
record DeltaNetLayout(Heads heads, int hidden, int width, double epsilon) {
    static DeltaNetLayout of(ConfigJson json, int hidden, double epsilon) {
        Heads heads = new Heads(
                json.size("linear_num_key_heads", 16),
                json.size("linear_num_value_heads", 32),
                json.size("linear_key_head_dim", 128),
                json.size("linear_value_head_dim", 128));
        if (heads.values() % heads.keys() != 0) {
            throw UserError.of(
                    "bad linear_num_key_heads in " + json.file(),
                    heads.keys(),
                    "must divide linear_num_value_heads, " + heads.values() + "; correct it");
        }
        return new DeltaNetLayout(heads, hidden, json.size("linear_conv_kernel_dim", 4), epsilon);
    }

    /**
     * Returns a net with queries, keys and values in one tensor, all heads of each side by side; gates, betas and decays have their own tensors (Qwen
     * 3.5).
     */
    GatedDeltaNet sideBySide(String at) {
        int mixed = 2 * keys() + values();
        return net(
                at,
                new Inputs(
                        part(at + "in_proj_qkv", keys(), new Storage(0, mixed, false)),
                        part(at + "in_proj_qkv", keys(), new Storage(keys(), mixed, false)),
                        part(at + "in_proj_qkv", values(), new Storage(2 * keys(), mixed, false)),
                        Linear.of(at + "in_proj_z", values(), hidden, false),
                        Linear.of(at + "in_proj_b", heads.values(), hidden, false),
                        Linear.of(at + "in_proj_a", heads.values(), hidden, false)));
    }

    /**
     * Returns a net with two tensors, ordered by key head: one has each key head's query, key, and the values and gates of the value heads that read
     * it; the other has their betas and decays (Qwen 3 Next).
     */
    GatedDeltaNet byKeyHead(String at) {
        int readers = heads.values() / heads.keys();
        int ofReaders = readers * heads.valueDim();
        int group = 2 * heads.keyDim() + 2 * ofReaders;
        String mixed = at + "in_proj_qkvz";
        String steps = at + "in_proj_ba";
        return net(
                at,
                new Inputs(
                        grouped(mixed, 0, heads.keyDim(), group),
                        grouped(mixed, heads.keyDim(), heads.keyDim(), group),
                        grouped(mixed, 2 * heads.keyDim(), ofReaders, group),
                        grouped(mixed, 2 * heads.keyDim() + ofReaders, ofReaders, group),
                        grouped(steps, 0, readers, 2 * readers),
                        grouped(steps, readers, readers, 2 * readers)));
    }

    private int keys() {
        return heads.keys() * heads.keyDim();
    }

    private int values() {
        return heads.values() * heads.valueDim();
    }

    /** Returns the layer whose outputs are, in every key head's {@code group} outputs, {@code length} from {@code first} on. */
    private Linear grouped(String name, int first, int length, int group) {
        return part(
                name,
                heads.keys() * length,
                new Storage(first, new Order.Runs(length, group), heads.keys() * group, false));
    }

    private Linear part(String name, int outputs, Storage storage) {
        return Linear.of(name, outputs, hidden, false).storedAs(storage);
    }

    private GatedDeltaNet net(String at, Inputs inputs) {
        return new GatedDeltaNet(
                heads,
                inputs,
                Convolution.of(at + "conv1d", 2 * keys() + values(), width),
                new Vector(at + "A_log", heads.values(), Fill.ZERO),
                new Vector(at + "dt_bias", heads.values(), Fill.ONE),
                Norm.rms(at + "norm", heads.valueDim(), epsilon),
                Linear.of(at + "out_proj", hidden, values(), false));
    }
}
