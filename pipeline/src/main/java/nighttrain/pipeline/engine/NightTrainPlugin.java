package nighttrain.pipeline.engine;

import java.util.Map;
import nighttrain.pipeline.progress.Heartbeat;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Opens the engine when an executor starts, and carries progress to the driver:
 * {@code spark.plugins=nighttrain.pipeline.engine.NightTrainPlugin}. Without it everything works, the first task opens the
 * engine, and progress comes as tasks end.
 */
public final class NightTrainPlugin implements SparkPlugin {
    @Override
    public DriverPlugin driverPlugin() {
        return new HeartbeatRelay();
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new EngineStarter();
    }

    /** Puts executors' heartbeats on the bus where jobs listen. */
    private static final class HeartbeatRelay implements DriverPlugin {
        private SparkContext spark;

        @Override
        public Map<String, String> init(SparkContext context, PluginContext plugin) {
            spark = context;
            return Map.of();
        }

        @Override
        public Object receive(Object message) {
            if (message instanceof Heartbeat heartbeat) {
                spark.listenerBus().post(heartbeat);
            }
            return null;
        }
    }
}
