package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Spelling;
import nighttrain.io.spec.Quantization;

/**
 * The known model families by {@code model_type}, one file each. They read {@code config.json} as Hugging Face transformers 5.24, or their authors'
 * own library, does: the same keys, old and new, and the same defaults for absent ones. Only sizes that define the model have no default here.
 */
public final class Families {
    private static final Map<String, Family> KNOWN = new LinkedHashMap<>();

    /**
     * @param read reads a config.json into the spec of a model
     * @param ignored keys of {@link ForwardKeys} that transformers ignores in this family, and that are ignored here
     * @param readsMxfp4 whether experts may be stored in MXFP4
     */
    private record Family(Function<ConfigJson, ModelSpec> read, Set<String> ignored, boolean readsMxfp4) {}

    static {
        known("llama", Llama::read, Llama.IGNORED);
        known("mistral", Mistral::read, Mistral.IGNORED);
        known("qwen2", Qwen2::read, Qwen2.IGNORED);
        known("qwen2_moe", Qwen2Moe::read, Qwen2Moe.IGNORED);
        known("qwen3", Qwen3::read, Qwen3.IGNORED);
        known("qwen3_moe", Qwen3Moe::read, Qwen3Moe.IGNORED);
        known("qwen3_next", Qwen3Next::read, Qwen3Next.IGNORED);
        known("qwen3_5_text", Qwen35::read, Qwen35.IGNORED);
        knownByText("qwen3_5", "qwen3_5_text");
        known("qwen3_5_moe_text", Qwen35Moe::read, Qwen35.IGNORED);
        knownByText("qwen3_5_moe", "qwen3_5_moe_text");
        known("glm4_moe", Glm4Moe::read, Set.of());
        known("mixtral", Mixtral::read, Mixtral.IGNORED);
        KNOWN.put("gpt_oss", new Family(GptOss::read, GptOss.IGNORED, true));
        known("phi", Phi::read, Phi.IGNORED);
        known("phi3", Phi3::read, Phi3.IGNORED);
        known("starcoder2", Starcoder2::read, Starcoder2.IGNORED);
        known("gemma3_text", Gemma3::read, Set.of());
        knownByText("gemma3", "gemma3_text");
        known("smollm3", SmolLm3::read, SmolLm3.IGNORED);
        known("ministral3", Ministral3::read, Ministral3.IGNORED);
        knownByText("mistral3", "mistral");
        known("seed_oss", SeedOss::read, Set.of());
        known("olmo2", Olmo2::read, Set.of());
        known("olmo3", Olmo3::read, Set.of());
        known("exaone4", Exaone4::read, Set.of());
        known("granite", Granite::read, Granite.IGNORED);
        known("granitemoe", Granite::readMoe, Granite.IGNORED);
        known("granitemoehybrid", GraniteHybrid::read, GraniteHybrid.IGNORED);
        known("gla", Gla::read, Set.of());
        known("gpt2", Gpt2::read, Set.of());
        known("parallel_track", ParallelTrack::read, Set.of());
        known("kraken", Kraken::read, Set.of());
        known("llamaLadder", Llama::readLadder, Llama.IGNORED);
        known("desync_residual", ParallelTrack::readDesync, Set.of());
        known("laneformer", Laneformer::read, Set.of());
        known("laneformer_tp", Laneformer::read, Set.of());
    }

    private static void known(String modelType, Function<ConfigJson, ModelSpec> read, Set<String> ignored) {
        KNOWN.put(modelType, new Family(read, ignored, false));
    }

    /** Registers a multimodal model, of which only the language model is read: of {@code absentType} where it does not name its family. */
    private static void knownByText(String modelType, String absentType) {
        known(modelType, json -> read(TextConfig.of(json, absentType)).withSpellings(TextConfig.SPELLINGS), Set.of());
    }

    private Families() {}

    /**
     * Reads and checks a {@code config.json}.
     *
     * @throws UserError where it is missing, is not JSON, lacks a key or asks for something that no engine here supports
     */
    public static ModelSpec read(Path configFile) {
        return read(new ConfigJson(JsonFile.read(configFile), configFile.toString()));
    }

    private static ModelSpec read(ConfigJson json) {
        String known = String.join(", ", KNOWN.keySet());
        if (!json.has("model_type")) {
            throw UserError.of("missing key in " + json.file(), "model_type", "one of " + known + "; add it");
        }
        String modelType = json.text("model_type", "");
        if (!KNOWN.containsKey(modelType)) {
            throw UserError.of(
                    "unknown model_type in " + json.file(), modelType, "known are " + known + "; choose such a model");
        }
        Family family = KNOWN.get(modelType);
        Optional<Quantization> quantization = family.readsMxfp4() && QuantizationConfig.isMxfp4(json)
                ? Optional.empty()
                : QuantizationConfig.read(json);
        ModelSpec spec = family.read().apply(json);
        ForwardKeys.refuseUnread(json, family.ignored());
        return quantization.map(spec::withQuantization).orElse(spec);
    }

    /**
     * The language model of a multimodal model, whose config is the inner object {@code text_config}. Vision and audio parts are ignored, as are
     * their tensors.
     */
    private static final class TextConfig {
        private static final String KEY = "text_config";

        /** Keys of the language model that the outer config may have. */
        private static final List<String> SAID_OUTSIDE = List.of("tie_word_embeddings", "quantization_config");

        /** Names of the language model's tensors in checkpoints of transformers 4, and of 5. */
        static final List<Spelling> SPELLINGS =
                List.of(new Spelling("", "language_model."), new Spelling("model.", "model.language_model."));

        private TextConfig() {}

        /** @param absentType the family where {@code text_config} does not name one */
        static ConfigJson of(ConfigJson json, String absentType) {
            ConfigJson inner = json.object(KEY)
                    .orElseThrow(() -> UserError.of(
                            "missing key in " + json.file(),
                            KEY,
                            "the language model's config; copy config.json again"));
            ObjectNode text = inner.node().deepCopy();
            if (!text.has("model_type")) {
                text.put("model_type", absentType);
            }
            for (String key : SAID_OUTSIDE) {
                if (!text.has(key) && json.has(key)) {
                    text.set(key, json.node().get(key));
                }
            }
            return new ConfigJson(text, inner.file());
        }
    }
}
