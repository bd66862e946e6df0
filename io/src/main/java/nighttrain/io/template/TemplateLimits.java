package nighttrain.io.template;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How involved a template's source may be: the engine's parser takes quadratic time, and stack, for what is nested. */
final class TemplateLimits {
    /** Characters of one {@code {{ }}} or {@code {% %}}. */
    static final int MAX_BLOCK_CHARS = 16_384;

    /** Brackets within brackets. */
    static final int MAX_BRACKETS = 64;

    /** Statements within statements. */
    static final int MAX_STATEMENTS = 64;

    private static final Pattern OPENS = Pattern.compile("\\{%[-+]?\\s*(?:if|for|macro|call|generation)\\b");
    private static final Pattern CLOSES = Pattern.compile("\\{%[-+]?\\s*end(?:if|for|macro|call|generation)\\b");

    private int statements;

    /** Counts a block in, with what it opens or closes. */
    void check(String block) {
        atMost(MAX_BLOCK_CHARS, block.length(), "characters in one block");
        int brackets = 0;
        for (int i = 0; i < block.length(); i++) {
            char c = block.charAt(i);
            brackets += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
            atMost(MAX_BRACKETS, brackets, "brackets within brackets");
        }
        Matcher opens = OPENS.matcher(block);
        Matcher closes = CLOSES.matcher(block);
        statements += opens.lookingAt() ? 1 : closes.lookingAt() ? -1 : 0;
        atMost(MAX_STATEMENTS, statements, "statements within statements");
    }

    private static void atMost(int most, int found, String what) {
        if (found > most) {
            throw new ChatTemplateException(
                    "chat template is too involved: " + found + " " + what + " (at most " + most + ")", null);
        }
    }
}
