package nighttrain.io.spec;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A tensor as stored in a checkpoint.
 *
 * @param name name of the tensor; for a track's tensor {@link #TRACK} is in the place of the track's number; for one stacked in a larger tensor, in
 *     the form of {@link Stacked}
 * @param shape sizes of the dimensions, outermost first
 * @param fill values of dummy weights, chosen so that activations keep a sane size through any number of layers
 */
public record TensorSpec(String name, List<Long> shape, Fill fill) {
    /** Placeholder of a track's number in names. */
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

    /** Whether every track has such a tensor. */
    public boolean isPerTrack() {
        return name.contains(TRACK);
    }

    /** Returns the tensor of {@code track}. */
    public TensorSpec ofTrack(int track) {
        return new TensorSpec(ofTrack(name, track), shape, fill);
    }

    /**
     * The name of a tensor that is one of several of the same shape, stacked in a tensor with one more dimension: {@code name[2/8]} is the third of
     * the eight in {@code name}.
     *
     * @param name name of the tensor that holds all of them
     */
    public record Stacked(String name, int index, int count) {
        private static final Pattern FORM = Pattern.compile("(.+)\\[(\\d+)/(\\d+)]");

        /** Returns the name of tensor {@code index} of {@code count} stacked in {@code name}. */
        public static String in(String name, int index, int count) {
            return name + "[" + index + "/" + count + "]";
        }

        /** Returns the name of a track's tensor, one of {@code tracks} stacked in {@code name}. */
        public static String byTrack(String name, int tracks) {
            return name + "[" + TRACK + "/" + tracks + "]";
        }

        /** Returns the name of the stored tensor that holds {@code name}: {@code name} itself, where it is not stacked. */
        public static String whole(String name) {
            return of(name).map(Stacked::name).orElse(name);
        }

        /** Parses {@code name}; empty where it does not have this form. */
        public static Optional<Stacked> of(String name) {
            Matcher form = FORM.matcher(name);
            return form.matches()
                    ? Optional.of(new Stacked(
                            form.group(1), Integer.parseInt(form.group(2)), Integer.parseInt(form.group(3))))
                    : Optional.empty();
        }
    }

    /** Returns {@code name} with the number of {@code track} inserted. */
    public static String ofTrack(String name, int track) {
        return name.replace(TRACK, Integer.toString(track));
    }
}
