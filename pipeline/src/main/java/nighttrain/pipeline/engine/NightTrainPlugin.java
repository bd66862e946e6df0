package nighttrain.pipeline.engine;

import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/** Opens the engine when an executor starts: {@code spark.plugins=nighttrain.pipeline.engine.NightTrainPlugin}. */
public final class NightTrainPlugin implements SparkPlugin {
    @Override
    public DriverPlugin driverPlugin() {
        return new DriverPlugin() {};
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new ExecutorPlugin() {};
    }
}
