package nighttrain.pipeline.read;

/** Names of the columns that the pipeline's own tables have. */
public final class RowNames {
    /** Input file, relative to the input root. */
    public static final String FILE = "file";
    /** Position in that file, from 0. */
    public static final String ROW = "row";
    /** Position in the whole input, from 0. */
    public static final String POSITION = "position";
    /** Index of the output among the outputs of its row, from 0. */
    public static final String SAMPLE = "sample";
    /** Name of the row for users. */
    public static final String ID = "id";
    /** Text to complete, or null. */
    public static final String PROMPT = "prompt";
    /** Conversation to continue, as JSON, or null. */
    public static final String MESSAGES = "messages";
    /** Error of a row found before its prompt is read, as a struct of {@link #KIND} and {@link #MESSAGE}, or null. */
    public static final String FLAW = "flaw";
    /** Kind of a row's error. */
    public static final String KIND = "kind";
    /** Message of a row's error. */
    public static final String MESSAGE = "message";
    /** Input columns to copy, as one struct. */
    public static final String KEPT = "kept";

    private RowNames() {}
}
