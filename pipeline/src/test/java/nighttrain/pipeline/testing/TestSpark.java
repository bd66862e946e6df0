package nighttrain.pipeline.testing;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import scala.Function1;
import scala.runtime.BoxedUnit;

/** One small Spark for all tests of a JVM, since starting one takes seconds. Failed tasks are retried, as on a cluster. */
public final class TestSpark {
    private TestSpark() {}

    /** Returns a session that neither compiles nor replans queries: that would take longer than the many tiny jobs themselves. */
    public static SparkSession session() {
        return builder().getOrCreate();
    }

    /** Returns its configuration, for tests that need more and start a Spark of their own. */
    public static SparkSession.Builder builder() {
        return SparkSession.builder()
                .master("local[2,3]")
                .appName("night-train-tests")
                .config("spark.ui.enabled", "false")
                .config("spark.sql.shuffle.partitions", "3")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.adaptive.enabled", "false")
                .config("spark.sql.codegen.wholeStage", "false")
                .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
                .config("spark.plugins", "nighttrain.pipeline.engine.NightTrainPlugin");
    }

    /** Returns the same Spark with extensions; it compiles and replans queries as users' Spark does. */
    public static SparkSession with(Function1<SparkSessionExtensions, BoxedUnit> extensions) {
        SparkSession usual = session();
        SparkSession.clearActiveSession();
        SparkSession.clearDefaultSession();
        try {
            return compiling(builder().withExtensions(extensions).getOrCreate());
        } finally {
            SparkSession.setDefaultSession(usual);
            SparkSession.setActiveSession(usual);
        }
    }

    /** Returns the same Spark; it compiles and replans queries as users' Spark does. */
    public static SparkSession compiling() {
        return compiling(session().newSession());
    }

    private static SparkSession compiling(SparkSession spark) {
        spark.conf().set("spark.sql.adaptive.enabled", "true");
        spark.conf().set("spark.sql.codegen.wholeStage", "true");
        spark.conf().set("spark.sql.codegen.factoryMode", "FALLBACK");
        return spark;
    }
}
