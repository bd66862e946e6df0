package nighttrain.executor;

import java.io.Serializable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.UserError;

/**
 * The numbers of replicas and of ranks in each.
 *
 * @param replicas copies of the model; 0 in a configuration: as many as the devices allow
 * @param ranks devices that share one copy; 0 in a configuration: the fewest that hold it
 */
public record Layout(int replicas, int ranks) implements Serializable {
    private static final Pattern TEXT = Pattern.compile("([1-9]\\d{0,3})x([1-9]\\d{0,3})");

    /** Reads {@code 2x4}. */
    public static Layout parse(String text) {
        Matcher found = TEXT.matcher(text);
        if (!found.matches()) {
            throw UserError.of("bad layout", text, "replicas x ranks; write for example 1x4 or 4x1");
        }
        return new Layout(Integer.parseInt(found.group(1)), Integer.parseInt(found.group(2)));
    }

    /** Returns the number of devices. */
    public int devices() {
        return replicas * ranks;
    }

    /** Returns whether there are several replicas of one rank each, which need no communication. */
    public boolean onlyReplicas() {
        return ranks == 1 && replicas > 1;
    }

    /** {@code 2x4}. */
    @Override
    public String toString() {
        return replicas + "x" + ranks;
    }
}
