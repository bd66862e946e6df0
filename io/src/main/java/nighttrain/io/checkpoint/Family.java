package nighttrain.io.checkpoint;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import nighttrain.io.UserError;

/** The model families that are known, by {@code model_type}, and what each assumes where config.json is silent. */
enum Family {
    LLAMA(2048),
    MISTRAL(131072),
    QWEN2(32768),
    QWEN3(32768),
    PHI(2048),
    GPT2(1024),
    PARALLEL_TRACK(2048),
    KRAKEN(2048);

    private final int maxPositions;

    Family(int maxPositions) {
        this.maxPositions = maxPositions;
    }

    static Family of(ConfigJson json) {
        if (!json.has("model_type")) {
            throw UserError.of("missing key in " + json.file(), "model_type", "one of " + known() + "; add it");
        }
        String modelType = json.text("model_type", "");
        return Arrays.stream(values())
                .filter(family -> family.modelType().equals(modelType))
                .findFirst()
                .orElseThrow(() -> UserError.of(
                        "unknown model_type in " + json.file(),
                        modelType,
                        "known are " + known() + "; choose such a model"));
    }

    private static String known() {
        return Arrays.stream(values()).map(Family::modelType).collect(Collectors.joining(", "));
    }

    String modelType() {
        return name().toLowerCase(Locale.ROOT);
    }

    int maxPositions() {
        return maxPositions;
    }

    int kvHeads(int heads) {
        return switch (this) {
            case LLAMA, PHI, GPT2, PARALLEL_TRACK, KRAKEN -> heads;
            case MISTRAL -> 8;
            case QWEN2, QWEN3 -> 32;
        };
    }

    boolean qkvBias(ConfigJson json) {
        return switch (this) {
            case QWEN2, PHI, GPT2 -> true;
            case MISTRAL -> false;
            case KRAKEN -> json.flag("bias", false);
            case LLAMA, QWEN3, PARALLEL_TRACK -> json.flag("attention_bias", false);
        };
    }

    boolean outputBias(ConfigJson json) {
        return this != QWEN2 && qkvBias(json);
    }

    boolean mlpBias(ConfigJson json) {
        return switch (this) {
            case PHI, GPT2 -> true;
            case KRAKEN -> json.flag("bias", false);
            case LLAMA, PARALLEL_TRACK -> json.flag("mlp_bias", false);
            case MISTRAL, QWEN2, QWEN3 -> false;
        };
    }
}
