package nighttrain.pipeline.job;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.spark.SparkContext;

/** The versions of the software that computes a job's results. */
public final class Versions {
    private Versions() {}

    /** Returns the versions by name: {@code night-train}, {@code spark}, {@code java}. */
    public static Map<String, String> of(SparkContext spark) {
        Map<String, String> versions = withoutSpark();
        versions.put("spark", spark.version());
        return versions;
    }

    /** Returns the versions by name: {@code night-train}, {@code java}. */
    public static Map<String, String> withoutSpark() {
        Map<String, String> versions = new TreeMap<>();
        versions.put("night-train", built("version"));
        versions.put("java", System.getProperty("java.version"));
        return versions;
    }

    /**
     * Returns a version that the build recorded: {@code version} of Night Train, {@code spark} or {@code scala} that it is compiled for.
     */
    public static String built(String name) {
        try (InputStream in = Versions.class.getResourceAsStream("/nighttrain/pipeline/version.properties")) {
            Properties properties = new Properties();
            properties.load(in);
            return properties.getProperty(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
