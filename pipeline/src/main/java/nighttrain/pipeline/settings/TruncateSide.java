package nighttrain.pipeline.settings;

/** What becomes of a prompt that is longer than the context. */
public enum TruncateSide {
    /** Its row gets an error. */
    NONE,
    /** Its beginning is cut off. */
    LEFT,
    /** Its end is cut off. */
    RIGHT
}
