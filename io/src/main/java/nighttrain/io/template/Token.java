package nighttrain.io.template;

/**
 * A token of a template.
 *
 * @param type what it is; an operator's type is its text
 * @param value a name, the text of a string or of template data, or a number (Long, BigInteger, Double)
 * @param line where it begins, from 1
 */
record Token(String type, Object value, int line) {
    static final String DATA = "data";
    static final String NAME = "name";
    static final String STRING = "string";
    static final String INTEGER = "integer";
    static final String FLOAT = "float";
    static final String BLOCK_BEGIN = "begin of block";
    static final String BLOCK_END = "end of block";
    static final String PRINT_BEGIN = "begin of print statement";
    static final String PRINT_END = "end of print statement";
    static final String END = "end of template";

    boolean is(String wanted) {
        return type.equals(wanted);
    }

    boolean isName(String wanted) {
        return type.equals(NAME) && value.equals(wanted);
    }

    /** As messages show it. */
    String shown() {
        return type.equals(NAME) || type.equals(STRING) || type.equals(INTEGER) || type.equals(FLOAT)
                ? "'" + value + "'"
                : "'" + type + "'";
    }
}
