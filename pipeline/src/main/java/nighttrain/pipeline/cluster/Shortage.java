package nighttrain.pipeline.cluster;

import java.util.Optional;
import org.apache.spark.SparkContext;

/**
 * Why no executor has come, as far as the driver can tell.
 *
 * @param why what the cluster says, or where it says it
 * @param remedy what to do about it
 */
record Shortage(String why, String remedy) {
    /** {@code told}: by a standalone cluster's master. */
    static Shortage of(SparkContext spark, Optional<ClusterState> told) {
        return of(spark.master(), spark.applicationId(), told);
    }

    static Shortage of(String master, String application, Optional<ClusterState> told) {
        if (told.isPresent()) {
            return of(told.get());
        }
        if (master.startsWith("k8s")) {
            return new Shortage(
                    "kubectl describe pods -l spark-role=executor,spark-app-selector=" + application
                            + " tells what they wait for",
                    "mend that");
        }
        if (master.equals("yarn")) {
            return new Shortage(
                    "yarn application -status " + application + " tells what it waits for", "wait for that");
        }
        return new Shortage("the cluster has none to give, or is slow", "wait for other jobs");
    }

    private static Shortage of(ClusterState cluster) {
        String have = "there are " + cluster.sizes();
        return cluster.others().isEmpty()
                ? new Shortage(
                        have + ", and no other application: the workers' logs tell why executors do not start",
                        "mend that")
                : new Shortage(have + ", in use by " + String.join(", ", cluster.others()), "wait for that");
    }
}
