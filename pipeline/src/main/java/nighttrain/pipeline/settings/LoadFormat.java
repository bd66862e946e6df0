package nighttrain.pipeline.settings;

/** Where weights come from. */
public enum LoadFormat {
    /** The checkpoint's files. */
    AUTO,
    /** Seeded random values in the shape that {@code config.json} says: for measuring speed without a checkpoint. */
    DUMMY
}
