package nighttrain.pipeline;

import java.util.concurrent.CancellationException;
import nighttrain.io.Causes;
import org.apache.spark.SparkThrowable;

/** Whether somebody stopped the run, as Ctrl-C does: where a failure would be borne, this must not be. */
final class Cancelled {
    private Cancelled() {}

    static void throwIfBehind(Throwable failure) {
        boolean cancelled = Causes.of(failure)
                .anyMatch(cause ->
                        cause instanceof SparkThrowable known && "SPARK_JOB_CANCELLED".equals(known.getCondition()));
        if (cancelled) {
            CancellationException stopped =
                    new CancellationException("the run was cancelled while its results were written");
            stopped.initCause(failure);
            throw stopped;
        }
    }
}
