package nighttrain.io.text;

import java.util.ArrayDeque;
import java.util.Deque;
import nighttrain.io.UserError;

/**
 * Regular expressions that a tokenizer may split texts with. Deep ones overflow the native stack, and one that repeats what
 * repeats, {@code (a+)+}, takes exponential time until the library's limit ends the process: both are refused, since neither
 * can be caught. What tries polynomially many ways can still reach that limit, on a text made for it.
 */
final class PatternLimits {
    /** Those of real models are below 300. */
    private static final int MAX_CHARS = 4096;

    private static final int MAX_BRACKETS = 256;

    private final String pattern;
    /** For every open group, whether something in it repeats without end. */
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

    /** Brackets; in a class of characters they mean nothing, but for those of a class within. */
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
                && (c == '*' || c == '+' || (c == '{' && pattern.substring(at).matches("(?s)\\{\\d*,\\}.*")));
    }
}
