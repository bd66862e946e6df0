package nighttrain.pipeline.monitor;

import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.status.AppHistoryServerPlugin;
import org.apache.spark.status.ElementTrackingStore;
import org.apache.spark.ui.SparkUI;
import scala.collection.JavaConverters;
import scala.collection.immutable.Seq;

/**
 * Adds the tab "Night Train" to the history server, which finds this class by its service file and needs nighttrain.jar on its class path.
 */
public final class NightTrainHistory implements AppHistoryServerPlugin {
    @Override
    public Seq<SparkListener> createListeners(SparkConf conf, ElementTrackingStore store) {
        return JavaConverters.asScalaBuffer(List.<SparkListener>of(new HeartbeatStore(store)))
                .toList();
    }

    @Override
    public void setupUI(SparkUI ui) {
        HeartbeatStore heartbeats = new HeartbeatStore(ui.store().store());
        if (!heartbeats.runs().isEmpty()) {
            new NightTrainTab(ui, heartbeats);
        }
    }
}
