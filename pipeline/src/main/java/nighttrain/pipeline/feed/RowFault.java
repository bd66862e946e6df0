package nighttrain.pipeline.feed;

/** One row cannot be computed; the others can. Becomes the row's {@code error} and {@code error_message}. */
final class RowFault extends Exception {
    private static final long serialVersionUID = 1L;

    private final String kind;

    /** {@code kind} groups faults; the message reads {@code what failed: value (limit; way out)}. */
    RowFault(String kind, String message) {
        super(message);
        this.kind = kind;
    }

    String kind() {
        return kind;
    }
}
