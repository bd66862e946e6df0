package nighttrain.pipeline.row;

/** A fault of one row, which does not affect other rows. It becomes the row's {@code error} and {@code error_message}. */
public final class RowFault extends Exception {
    private static final long serialVersionUID = 1L;

    private final String kind;

    /** {@code kind} groups faults; the message reads {@code what failed: value (limit; way out)}. */
    public RowFault(String kind, String message) {
        super(message);
        this.kind = kind;
    }

    public String kind() {
        return kind;
    }
}
