package nighttrain.io.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import nighttrain.io.UserError;

/**
 * Limits on the steps of a tokenizer. They run in native code that cannot be stopped: twenty replacements of one letter by four take all memory, and
 * a regular expression with enough brackets overflows the stack and ends the process. Such a tokenizer is refused before that code sees it.
 */
final class TokenizerLimits {
    /** Parts of a tokenizer that rewrite texts or repeat them. */
    static final Set<String> PARTS = Set.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

    /** Greatest factor by which a part may lengthen a text; real models stay below 10. */
    private static final double MOST = 256;

    /** Text added at the beginning of a text counts as growth where it is longer than this. */
    private static final double SHORT_CHARS = 16;

    private static final Set<String> STEPS = Set.of("normalizers", "pretokenizers", "processors", "decoders");

    private TokenizerLimits() {}

    /** Refuses a part, one of {@link #PARTS}, that exceeds the limits. */
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

    /** Returns the growth of a replacement. A regular expression may match the empty text between any two characters. */
    private static double replacement(JsonNode step) {
        double pattern = chars(step.path("pattern").path("String"));
        double content = chars(step.path("content"));
        return pattern == 0 ? 1 + content : content / pattern;
    }

    private static double chars(JsonNode text) {
        return text.asText("").codePoints().count();
    }

    /**
     * Limits on the regular expressions with which a tokenizer splits texts. Deep nesting overflows the native stack, and a repetition of a
     * repetition, {@code (a+)+}, takes exponential time until the library's limit ends the process: both are refused, since neither can be caught. An
     * expression of polynomial time can still reach that limit on an adversarial text.
     */
    private static final class PatternLimits {
        /** Most characters; expressions of real models have fewer than 300. */
        private static final int MAX_CHARS = 4096;

        private static final int MAX_BRACKETS = 256;

        private final String pattern;
        /** For every open group, whether it contains an unbounded repetition. */
        private final Deque<Boolean> groups = new ArrayDeque<>();

        private int classDepth;
        private boolean groupEndedRepeating;

        private PatternLimits(String pattern) {
            this.pattern = pattern;
        }

        static void check(String pattern, String file) {
            long brackets = pattern.chars().filter(c -> c == '(' || c == '[').count();
            if (pattern.length() > MAX_CHARS || brackets > MAX_BRACKETS) {
                throw UserError.of(
                        "regular expression too long in " + file,
                        pattern.length() + " characters, " + brackets + " brackets",
                        "at most " + MAX_CHARS + " and " + MAX_BRACKETS + "; choose another model");
            }
            if (new PatternLimits(pattern).repeatsRepetitions()) {
                throw UserError.of(
                        "regular expression that may take for ever in " + file,
                        pattern,
                        "no repetition of what repeats, as in (a+)+; choose another model");
            }
        }

        private boolean repeatsRepetitions() {
            groups.push(false);
            for (int at = 0; at < pattern.length(); at++) {
                char c = pattern.charAt(at);
                if (c == '\\') {
                    at++;
                    groupEndedRepeating = false;
                } else if (repeatsAt(at)) {
                    if (groupEndedRepeating) {
                        return true;
                    }
                    groups.pop();
                    groups.push(true);
                    groupEndedRepeating = false;
                } else {
                    structure(c);
                }
            }
            return false;
        }

        /** Tracks brackets; within a character class they have no meaning, except those of a nested class. */
        private void structure(char c) {
            groupEndedRepeating = false;
            if (c == '[') {
                classDepth++;
            } else if (c == ']' && classDepth > 0) {
                classDepth--;
            } else if (c == '(' && classDepth == 0) {
                groups.push(false);
            } else if (c == ')' && classDepth == 0 && groups.size() > 1) {
                groupEndedRepeating = groups.pop();
                if (groupEndedRepeating) {
                    groups.pop();
                    groups.push(true);
                }
            }
        }

        private boolean repeatsAt(int at) {
            char c = pattern.charAt(at);
            return classDepth == 0
                    && (c == '*'
                            || c == '+'
                            || (c == '{' && pattern.substring(at).matches("(?s)\\{\\d*,\\}.*")));
        }
    }
}
