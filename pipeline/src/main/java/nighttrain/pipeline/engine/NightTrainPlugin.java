package nighttrain.pipeline.engine;

import nighttrain.pipeline.host.EngineStarter;
import nighttrain.pipeline.monitor.HeartbeatRelay;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Opens the engine when an executor starts, and carries progress to the driver:
 * {@code spark.plugins=nighttrain.pipeline.engine.NightTrainPlugin}. Without it everything works, the first task opens the
 * engine, progress comes as tasks end, and the Spark UI has no tab of ours.
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
