package nighttrain.pipeline.monitor;

import java.util.HashMap;
import java.util.Map;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.LengthsExpected;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's half of the plugin: it passes executors' heartbeats to Spark's listeners and metrics, and tells executors the lengths that a
 * job expects. A failure here does not fail a job.
 */
public final class HeartbeatRelay implements DriverPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(HeartbeatRelay.class);

    private final EventLogSampler sampler = new EventLogSampler();
    private SparkContext spark;
    private volatile ExecutorGauges gauges;
    private volatile LengthsExpected expected;

    @Override
    public Map<String, String> init(SparkContext context, PluginContext plugin) {
        spark = context;
        context.addSparkListener(new SparkListener() {
            @Override
            public void onOtherEvent(SparkListenerEvent event) {
                if (event instanceof LengthsExpected told) {
                    expected = told;
                }
            }
        });
        try {
            NightTrainTab.attach(context);
        } catch (RuntimeException | LinkageError unlike) {
            // Spark's UI is not a public API: another version may differ.
            LOG.warn("the Spark UI has no tab of Night Train", unlike);
        }
        return Map.of();
    }

    @Override
    public void registerMetrics(String appId, PluginContext plugin) {
        gauges = new ExecutorGauges(plugin.metricRegistry());
    }

    @Override
    public Object receive(Object message) {
        if (message instanceof Heartbeat beat) {
            spark.listenerBus().post(sampler.mark(beat));
            if (gauges != null) {
                gauges.accept(beat);
            }
        }
        return message instanceof LengthsExpected.Question ? expected : null;
    }

    /**
     * Chooses the heartbeats that Spark's event log keeps: one per ten seconds of a busy executor, and the first without new work, so that
     * the log ends with the final counts.
     */
    public static final class EventLogSampler {
        private static final long INTERVAL_MS = 10_000;

        private final Map<String, Executor> executors = new HashMap<>();

        private static final class Executor {
            private Done before = Done.NOTHING;
            private Done kept = Done.NOTHING;
            private long keptAtMs;
        }

        /** Returns the heartbeat, marked if the event log keeps it. */
        public synchronized Heartbeat mark(Heartbeat beat) {
            Executor it = executors.computeIfAbsent(beat.runId() + "/" + beat.executor(), name -> new Executor());
            boolean stands = beat.done().equals(it.before);
            it.before = beat.done();
            if (beat.done().equals(it.kept) || (!stands && beat.atMs() - it.keptAtMs < INTERVAL_MS)) {
                return beat;
            }
            it.kept = beat.done();
            it.keptAtMs = beat.atMs();
            return beat.keep();
        }
    }
}
