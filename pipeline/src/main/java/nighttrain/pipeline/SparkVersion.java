package nighttrain.pipeline;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.Versions;

/**
 * Checks that the process runs the Spark and Scala that these classes are compiled for. Other versions lack methods that they call, and a
 * run would fail halfway.
 */
public final class SparkVersion {
    private static final Pattern MAJOR_AND_MINOR = Pattern.compile("(\\d+\\.\\d+)(\\D.*)?");

    private SparkVersion() {}

    /**
     * Refuses other versions of Spark and Scala. It must be called before classes that use Spark are loaded.
     *
     * @throws UserError if this process has another version of Spark or Scala
     */
    public static void require() {
        require("Spark", Versions.built("spark"), org.apache.spark.package$.MODULE$.SPARK_VERSION());
        require("Scala", Versions.built("scala"), scala.util.Properties.versionNumberString());
    }

    static void require(String what, String built, String found) {
        String needed = majorAndMinor(built);
        if (!needed.equals(majorAndMinor(found))) {
            throw UserError.of(
                    "needs " + what + " " + needed,
                    "this is " + what + " " + found,
                    "use the nighttrain.jar that is built for it, or jobs/nighttrain, which brings Spark");
        }
    }

    private static String majorAndMinor(String version) {
        Matcher parts = MAJOR_AND_MINOR.matcher(version);
        return parts.matches() ? parts.group(1) : version;
    }
}
