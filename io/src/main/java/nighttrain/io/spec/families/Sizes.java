package nighttrain.io.spec.families;

import nighttrain.io.UserError;

/**
 * The sizes of a model in the keys shared by llama and its relatives; of one track where there are several.
 *
 * @param layers {@code num_hidden_layers}
 * @param hidden width of the residual stream
 * @param intermediate width of the MLP
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param headDim width of a head
 * @param vocabulary number of tokens
 * @param positions longest context
 */
record Sizes(
        int layers, int hidden, int intermediate, int heads, int kvHeads, int headDim, int vocabulary, int positions) {
    /**
     * The defaults of a family for keys that config.json lacks.
     *
     * @param positions longest context
     * @param kvHeads key and value heads; 0: as many as query heads
     * @param headDim width of a head; 0: hidden size divided by heads
     * @param heads query heads; 0: required in config.json
     * @param vocabulary number of tokens; 0: required in config.json
     * @param intermediate width of the MLP; 0: required in config.json
     */
    record Defaults(int positions, int kvHeads, int headDim, int heads, int vocabulary, int intermediate) {
        Defaults(int positions, int kvHeads, int headDim) {
            this(positions, kvHeads, headDim, 0, 0);
        }

        Defaults(int positions, int kvHeads, int headDim, int heads, int vocabulary) {
            this(positions, kvHeads, headDim, heads, vocabulary, 0);
        }
    }

    static Sizes of(ConfigJson json, Defaults absent) {
        int layers = json.requiredParts("num_hidden_layers");
        int hidden = json.requiredSize("hidden_size");
        int heads = sizeOr(json, "num_attention_heads", absent.heads());
        return new Sizes(
                layers,
                hidden,
                sizeOr(json, "intermediate_size", absent.intermediate()),
                heads,
                kvHeads(json, absent, heads),
                headDim(json, absent, hidden, heads),
                sizeOr(json, "vocab_size", absent.vocabulary()),
                json.size("max_position_embeddings", absent.positions()));
    }

    private static int sizeOr(ConfigJson json, String key, int absent) {
        return absent > 0 ? json.size(key, absent) : json.requiredSize(key);
    }

    private static int kvHeads(ConfigJson json, Defaults absent, int heads) {
        // An explicit null means "as many as heads"; an absent key means the family's default.
        boolean isAbsent = !json.node().has("num_key_value_heads");
        int kvHeads = json.size("num_key_value_heads", isAbsent && absent.kvHeads() > 0 ? absent.kvHeads() : heads);
        if (heads % kvHeads != 0) {
            throw UserError.of(
                    "bad num_key_value_heads in " + json.file(),
                    kvHeads,
                    "must divide num_attention_heads, " + heads + "; correct it");
        }
        return kvHeads;
    }

    private static int headDim(ConfigJson json, Defaults absent, int hidden, int heads) {
        if (json.has("head_dim")) {
            return json.size("head_dim", 0);
        }
        if (absent.headDim() > 0) {
            return json.node().has("head_dim") ? hidden / heads : absent.headDim();
        }
        if (hidden % heads != 0) {
            throw UserError.of(
                    "bad num_attention_heads in " + json.file(),
                    heads,
                    "must divide hidden_size, " + hidden + "; correct it or give head_dim");
        }
        return hidden / heads;
    }
}
