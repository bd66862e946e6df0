package nighttrain.io.spec;

/**
 * Another way in which checkpoints of a family write tensor names: {@code to} in the place of {@code from} at their beginning.
 */
public record Spelling(String from, String to) {
    /** Names as a model's spec has them. */
    public static final Spelling CANONICAL = new Spelling("", "");

    /** {@code name} in this spelling. */
    public String of(String name) {
        return name.startsWith(from) ? to + name.substring(from.length()) : name;
    }
}
