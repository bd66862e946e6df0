package nighttrain.io.spec;

import java.util.Arrays;
import java.util.List;

/**
 * A tensor as a checkpoint stores it.
 *
 * @param name of a track's tensor with {@link #TRACK} where the track's number stands
 * @param shape sizes of the dimensions, outermost first
 * @param fill what dummy weights fill it with, so that activations keep a sane size through any number of layers
 */
public record TensorSpec(String name, List<Long> shape, Fill fill) {
    /** Stands for the number of a track in names. */
    public static final String TRACK = "{track}";

    /** Kinds of dummy values. */
    public enum Fill {
        ONE,
        ZERO,
        NORMAL
    }

    public TensorSpec {
        shape = List.copyOf(shape);
    }

    static TensorSpec of(String name, Fill fill, long... shape) {
        return new TensorSpec(name, Arrays.stream(shape).boxed().toList(), fill);
    }

    /** Number of elements. */
    public long size() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Whether every track has one. */
    public boolean isPerTrack() {
        return name.contains(TRACK);
    }

    /** The one of {@code track}. */
    public TensorSpec ofTrack(int track) {
        return new TensorSpec(ofTrack(name, track), shape, fill);
    }

    /** {@code name} as the tensor of {@code track} is called. */
    public static String ofTrack(String name, int track) {
        return name.replace(TRACK, Integer.toString(track));
    }
}
