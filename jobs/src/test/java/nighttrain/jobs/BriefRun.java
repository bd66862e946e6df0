package nighttrain.jobs;

import java.util.List;
import java.util.Map;

/** Flags and Spark conf for JVMs and queries that run once, for seconds: optimizing them would take longer than running them. */
final class BriefRun {
    /** The value of {@code jvm.brief} in the pom. */
    static final List<String> JVM_FLAGS = List.of(
            System.getProperty("nighttrain.jvm.brief", "-XX:+UseSerialGC").split(" "));

    /** Turns off the UI, query compilation and adaptive replanning. {@link SparkSubmitIT} tests Spark with users' settings. */
    static final Map<String, String> SPARK_CONF = Map.of(
            "spark.ui.enabled", "false",
            "spark.sql.shuffle.partitions", "2",
            "spark.sql.adaptive.enabled", "false",
            "spark.sql.codegen.wholeStage", "false",
            "spark.sql.codegen.factoryMode", "NO_CODEGEN");

    private BriefRun() {}
}
