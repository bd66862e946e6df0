package nighttrain.pipeline.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.regex.Pattern;
import nighttrain.io.UserError;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UnsupportedFileSystemException;

/** Paths as users write them: a name may have a colon, which Hadoop takes for the end of a scheme, and the signs of a pattern. */
public final class UserPath {
    private static final Pattern SIGN_OF_PATTERN = Pattern.compile("[{}\\[\\]*?\\\\]");

    private UserPath() {}

    /**
     * Returns the path that a text names.
     *
     * @throws UserError if the text is no path
     */
    public static Path of(String text) {
        try {
            return new Path(text);
        } catch (IllegalArgumentException noPath) {
            throw UserError.of(
                    "bad path",
                    text,
                    "a name with a colon is taken for a URI; write a name of this folder as ./NAME, any other from its"
                            + " root",
                    noPath);
        }
    }

    /**
     * As {@link #of(String)}, but also refuses paths of file systems that are not known here.
     *
     * @param hadoop what the file system is opened with, for the whole process
     */
    public static Path of(String text, Configuration hadoop) {
        Path path = of(text);
        try {
            path.getFileSystem(hadoop);
            return path;
        } catch (UnsupportedFileSystemException unknown) {
            throw unknownFileSystem(text, unknown);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) { // Hadoop's defaults name classes of s3a, abfs and others without their jars
            throw e.getCause() instanceof ClassNotFoundException missing ? unknownFileSystem(text, missing) : e;
        }
    }

    private static UserError unknownFileSystem(String text, Exception unknown) {
        return UserError.of(
                "bad path",
                text,
                unknown.getMessage() + "; check its beginning, or bring the file system's jar by --conf"
                        + " spark.jars.packages",
                unknown);
    }

    /** Whether Spark and Hadoop take a name for a pattern. */
    public static boolean isPattern(String name) {
        return SIGN_OF_PATTERN.matcher(name).find();
    }

    /** Returns the pattern that only this name matches: Spark reads no folder called {@code run[1]} by its name. */
    public static String literal(String name) {
        return SIGN_OF_PATTERN.matcher(name).replaceAll("\\\\$0");
    }
}
