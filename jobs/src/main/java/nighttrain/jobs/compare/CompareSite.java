package nighttrain.jobs.compare;

import java.time.Duration;
import java.util.Optional;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.Sessions;
import nighttrain.pipeline.placement.LoneExecutor;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;

/**
 * Where a comparison measures: in this process, without Spark, or on an executor of a cluster while this is open.
 *
 * @param engines where these stand
 * @param hadoop how to reach the output
 * @param spark on a cluster
 */
record CompareSite(Site engines, Configuration hadoop, Optional<SparkSession> spark) implements AutoCloseable {
    /** {@code executorWait}: for the executor, at most. */
    static CompareSite open(SparkConf conf, Duration executorWait, ProgressBar bar) {
        if (!Sessions.isRemote(conf)) {
            return new CompareSite(new ThisProcess(), SparkHadoopUtil.get().newConfiguration(conf), Optional.empty());
        }
        conf.set("spark.task.maxFailures", "1"); // what ended one executor would end the next
        SparkSession spark = Sessions.openToMeasure(conf, executorWait, bar);
        return new CompareSite(
                new ClusterExecutor(new LoneExecutor(spark.sparkContext())),
                spark.sessionState().newHadoopConf(),
                Optional.of(spark));
    }

    @Override
    public void close() {
        spark.ifPresent(SparkSession::stop);
    }
}
