package nighttrain.io.spec.families;

import nighttrain.io.spec.ModelSpec;

/** Seed-OSS: Llama with biases on queries, keys and values, and optionally on the outputs of attention. */
final class SeedOss {
    private SeedOss() {}

    static ModelSpec read(ConfigJson json) {
        return Llama.model(
                json,
                Sizes.of(json, new Sizes.Defaults(524_288, 8, 128)),
                json.flag("attention_bias", true),
                json.flag("attention_out_bias", false));
    }
}
