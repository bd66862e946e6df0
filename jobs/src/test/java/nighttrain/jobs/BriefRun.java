package nighttrain.jobs;

import java.util.List;
import java.util.Map;

/** What JVMs and queries that run once, for seconds, are given: preparing them well would take longer than all the rest. */
final class BriefRun {
    /** The pom's {@code jvm.brief}. */
    static final List<String> JVM_FLAGS = List.of(
            System.getProperty("nighttrain.jvm.brief", "-XX:+UseSerialGC").split(" "));

    /** No page to look at, no query compiled or planned again. Spark as users have it is the subject of {@link SparkSubmitIT}. */
    static final Map<String, String> SPARK_CONF = Map.of(
            "spark.ui.enabled", "false",
            "spark.sql.shuffle.partitions", "2",
            "spark.sql.adaptive.enabled", "false",
            "spark.sql.codegen.wholeStage", "false",
            "spark.sql.codegen.factoryMode", "NO_CODEGEN");

    private BriefRun() {}
}
