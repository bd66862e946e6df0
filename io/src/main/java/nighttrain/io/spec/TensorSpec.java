package nighttrain.io.spec;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A tensor as a checkpoint stores it.
 *
 * @param name of a track's tensor with {@link #TRACK} where the track's number stands; of one that is stacked in a larger tensor, as
 *     {@link Stacked} writes it
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

    /**
     * A tensor that is stored as one of several that are alike, stacked in one of a dimension more: {@code name[2/8]} is the third of the
     * eight in {@code name}.
     *
     * @param name of the tensor that holds all of them
     */
    public record Stacked(String name, int index, int count) {
        private static final Pattern FORM = Pattern.compile("(.+)\\[(\\d+)/(\\d+)]");

        /** The name of tensor {@code index} of {@code count} that are stacked in {@code name}. */
        public static String in(String name, int index, int count) {
            return name + "[" + index + "/" + count + "]";
        }

        /** The name of a track's tensor, of {@code tracks} that are stacked in {@code name}. */
        public static String byTrack(String name, int tracks) {
            return name + "[" + TRACK + "/" + tracks + "]";
        }

        /** The name of the stored tensor that holds {@code name}: that tensor itself, where it is not stacked. */
        public static String whole(String name) {
            return of(name).map(Stacked::name).orElse(name);
        }

        /** What {@code name} says, where it has this form. */
        public static Optional<Stacked> of(String name) {
            Matcher form = FORM.matcher(name);
            return form.matches()
                    ? Optional.of(new Stacked(
                            form.group(1), Integer.parseInt(form.group(2)), Integer.parseInt(form.group(3))))
                    : Optional.empty();
        }
    }

    /** {@code name} as the tensor of {@code track} is called. */
    public static String ofTrack(String name, int track) {
        return name.replace(TRACK, Integer.toString(track));
    }
}
