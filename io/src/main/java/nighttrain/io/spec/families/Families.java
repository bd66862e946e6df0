package nighttrain.io.spec.families;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;

/**
 * The model families that are known, by {@code model_type}, one file each. They read {@code config.json} as Hugging Face transformers
 * 5.24 does: same keys, old and new, and same defaults for those that are absent. Only the sizes without which there is no model have
 * no default here.
 */
public final class Families {
    private static final Map<String, Function<ConfigJson, ModelSpec>> KNOWN = new LinkedHashMap<>();

    static {
        KNOWN.put("llama", Llama::read);
        KNOWN.put("mistral", Mistral::read);
        KNOWN.put("qwen2", Qwen2::read);
        KNOWN.put("qwen3", Qwen3::read);
        KNOWN.put("phi", Phi::read);
        KNOWN.put("gpt2", Gpt2::read);
        KNOWN.put("parallel_track", ParallelTrack::read);
        KNOWN.put("kraken", Kraken::read);
    }

    private Families() {}

    /**
     * Reads and checks a {@code config.json}.
     *
     * @throws UserError where it is missing, is not JSON, lacks a key or asks for what no engine here can do
     */
    public static ModelSpec read(Path configFile) {
        ConfigJson json = new ConfigJson(JsonFile.read(configFile), configFile.toString());
        String known = String.join(", ", KNOWN.keySet());
        if (!json.has("model_type")) {
            throw UserError.of("missing key in " + json.file(), "model_type", "one of " + known + "; add it");
        }
        String modelType = json.text("model_type", "");
        if (!KNOWN.containsKey(modelType)) {
            throw UserError.of(
                    "unknown model_type in " + json.file(), modelType, "known are " + known + "; choose such a model");
        }
        return KNOWN.get(modelType).apply(json);
    }
}
