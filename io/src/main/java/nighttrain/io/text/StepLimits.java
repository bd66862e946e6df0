package nighttrain.io.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import nighttrain.io.UserError;

/**
 * What the steps of a tokenizer may ask for. They run in native code that nobody can stop: twenty replacements of a letter by
 * four take all memory there is, and a regular expression with enough brackets takes the stack, and the process with it. Such
 * a tokenizer is refused before that code sees it.
 */
final class StepLimits {
    /** Parts of a tokenizer that rewrite texts or repeat them. */
    static final Set<String> PARTS = Set.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

    /** Those of real models are below 10. */
    private static final double MOST = 256;

    /** What a text is given at its beginning counts where it is longer than this. */
    private static final double SHORT_CHARS = 16;

    private static final Set<String> STEPS = Set.of("normalizers", "pretokenizers", "processors", "decoders");

    private StepLimits() {}

    /** Refuses a part, one of {@link #PARTS}, that asks for too much. */
    static void check(String part, JsonNode json, String file) {
        for (JsonNode pattern : json.findValues("Regex")) {
            PatternLimits.check(pattern.asText(), file);
        }
        if (of(json) > MOST) {
            throw UserError.of(
                    "tokenizer that makes texts grow",
                    file,
                    part + ", more than " + (int) MOST + " fold; choose another model");
        }
    }

    private static double of(JsonNode step) {
        double growth = own(step);
        for (String steps : STEPS) {
            for (JsonNode inner : step.path(steps)) {
                growth *= of(inner);
            }
        }
        return growth;
    }

    private static double own(JsonNode step) {
        double growth = switch (step.path("type").asText()) {
            case "Replace" -> replacement(step);
            case "Prepend" -> chars(step.path("prepend")) / SHORT_CHARS;
            case "TemplateProcessing" -> step.path("single").size();
            case "ByteLevel", "Precompiled" -> 2;
            default -> 1;
        };
        return Math.max(1, growth);
    }

    /** A regular expression may match nothing, between any two characters. */
    private static double replacement(JsonNode step) {
        double pattern = chars(step.path("pattern").path("String"));
        double content = chars(step.path("content"));
        return pattern == 0 ? 1 + content : content / pattern;
    }

    private static double chars(JsonNode text) {
        return text.asText("").codePoints().count();
    }
}
