package nighttrain.pipeline.host;

import java.time.Duration;
import org.apache.spark.SparkConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * What an executor does when it is told to go. Its tasks take up no more rows, finish and journal those that they have, and give
 * back what is left, what takes too long included; then follows what Spark, or the JVM, does on that signal.
 */
final class GracefulShutdown {
    private static final Logger LOG = LoggerFactory.getLogger(GracefulShutdown.class);
    /** Workers, YARN and Kubernetes send SIGKILL 10 to 30 seconds after SIGTERM. */
    private static final Duration AFTER_TERM = Duration.ofSeconds(8);
    /** Giving back is a small file for each task. */
    private static final Duration TO_GIVE_BACK = Duration.ofSeconds(1);

    private GracefulShutdown() {}

    /** From now on; Spark must have set its own handlers already. */
    static void onSignals(SparkConf conf) {
        on("TERM", GracefulShutdown::finishOrGiveBack);
        if (conf.getBoolean("spark.decommission.enabled", false)) {
            // Spark goes on until the tasks have ended, for as long as it is configured to.
            on(conf.get("spark.executor.decommission.signal", "PWR"), () -> {});
        }
    }

    private static void on(String name, Runnable then) {
        SignalHandler[] before = new SignalHandler[1];
        before[0] = Signal.handle(new Signal(name), signal -> {
            LOG.info("SIG{}: this executor takes up no more rows", name);
            EngineHost.here().leave();
            then.run();
            before[0].handle(signal);
        });
    }

    private static void finishOrGiveBack() {
        try {
            EngineHost.here().awaitIdle(AFTER_TERM);
            EngineHost.here().giveBack();
            EngineHost.here().awaitIdle(TO_GIVE_BACK);
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        }
    }
}
