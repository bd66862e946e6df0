package nighttrain.pipeline.engine;

import nighttrain.pipeline.host.EngineStarter;
import nighttrain.pipeline.monitor.HeartbeatRelay;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Opens the engine when an executor starts, and sends progress to the driver:
 * {@code spark.plugins=nighttrain.pipeline.engine.NightTrainPlugin}. Jobs run without it: the first task then opens the engine,
 * progress is reported when tasks end, and the Spark UI has no tab of Night Train. Users' confs and the names of metrics contain
 * the name of this class, so it stays in this package.
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
}
