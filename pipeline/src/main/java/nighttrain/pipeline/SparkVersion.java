package nighttrain.pipeline;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.UserError;

/** The Spark that these classes are compiled for. Another one lacks methods that they call, and would say so halfway. */
public final class SparkVersion {
    /** Major and minor. */
    static final String NEEDED = "4.2";

    private static final Pattern MAJOR_AND_MINOR = Pattern.compile("(\\d+\\.\\d+)(\\D.*)?");

    private SparkVersion() {}

    /**
     * Refuses any other Spark. Call it before classes that use Spark are loaded.
     *
     * @throws UserError where this process has another Spark
     */
    public static void require() {
        require(org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }

    static void require(String version) {
        Matcher parts = MAJOR_AND_MINOR.matcher(version);
        if (!parts.matches() || !parts.group(1).equals(NEEDED)) {
            throw UserError.of(
                    "needs Spark " + NEEDED,
                    "this is Spark " + version,
                    "use an installation of Spark " + NEEDED + ", or jobs/nighttrain, which brings it");
        }
    }
}
