package nighttrain.pipeline.read;

import java.io.IOException;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.UserPath;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobExpander;
import org.apache.hadoop.fs.GlobFilter;
import org.apache.hadoop.fs.Path;

/**
 * The path of an input, split into a literal beginning and a pattern. A part of exactly the given name takes precedence over matches of the
 * name as a pattern.
 *
 * @param name its longest beginning that is a literal name
 * @param pattern the whole path, with pattern characters of that beginning escaped
 * @param isName whether that beginning is the whole path
 */
public record InputPattern(Path name, String pattern, boolean isName) {
    /** Returns the pattern of an input on a file system. */
    public static InputPattern of(FileSystem fs, Path input) throws IOException {
        Path asked = fs.makeQualified(input);
        String whole = asked.toUri().getPath();
        String[] parts = whole.substring(whole.startsWith("/") ? 1 : 0).split("/", -1);
        String above = asked.toString().substring(0, asked.toString().length() - whole.length());
        Path name = new Path(above + "/");
        StringBuilder pattern = new StringBuilder(above);
        boolean isName = true;
        for (String part : parts) {
            boolean literal = isName && (!UserPath.isPattern(part) || fs.exists(child(name, part)));
            if (literal && !part.isEmpty()) {
                name = child(name, part);
            }
            isName = literal;
            pattern.append('/').append(literal ? UserPath.literal(part) : part);
        }
        return new InputPattern(name, pattern.toString(), isName);
    }

    private static Path child(Path parent, String name) {
        return new Path(parent, new Path(null, null, name));
    }

    /** Whether a listing of the input finds a file of that name once it exists: the file matches, or a folder above it does. */
    public boolean covers(Path file) {
        return Files.unchecked(() -> GlobExpander.expand(pattern)).stream()
                .anyMatch(each -> covers(new Path(each), file));
    }

    private static boolean covers(Path pattern, Path file) {
        if (file.depth() > pattern.depth()) {
            return covers(pattern, file.getParent());
        }
        return pattern.isRoot()
                ? pattern.equals(file)
                : file.depth() == pattern.depth()
                        && Files.unchecked(() -> new GlobFilter(pattern.getName()))
                                .accept(file)
                        && covers(pattern.getParent(), file.getParent());
    }
}
