package nighttrain.io.checkpoint;

/**
 * The tracks of a Parallel Track model (arXiv 2602.07306): {@code count} independent sub-transformers whose streams are
 * combined every {@code blockDepth} layers.
 */
public record TrackConfig(int count, int blockDepth, Combine combine) {
    /** How the streams of all tracks become one. */
    public enum Combine {
        MEAN,
        SUM
    }
}
