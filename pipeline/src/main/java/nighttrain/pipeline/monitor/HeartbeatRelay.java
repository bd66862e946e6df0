package nighttrain.pipeline.monitor;

import java.util.Map;
import nighttrain.pipeline.progress.Heartbeat;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The driver's half of the plugin: hands executors' heartbeats to all who listen. That none can never harms a job. */
public final class HeartbeatRelay implements DriverPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(HeartbeatRelay.class);

    private final EventLogSampler keeping = new EventLogSampler();
    private SparkContext spark;
    private volatile ExecutorGauges gauges;

    @Override
    public Map<String, String> init(SparkContext context, PluginContext plugin) {
        spark = context;
        try {
            NightTrainTab.attach(context);
        } catch (RuntimeException | LinkageError unlike) {
            // Spark promises nothing about its UI: another version may have another one.
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
            spark.listenerBus().post(keeping.mark(beat));
            if (gauges != null) {
                gauges.accept(beat);
            }
        }
        return null;
    }
}
