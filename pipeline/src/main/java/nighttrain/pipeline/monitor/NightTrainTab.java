package nighttrain.pipeline.monitor;

import org.apache.spark.SparkContext;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;
import org.apache.spark.util.kvstore.KVStore;

/** The tab "Night Train" of Spark's UI. That UI is not a public API; only this package uses it. */
public final class NightTrainTab extends SparkUITab {
    NightTrainTab(SparkUI ui, HeartbeatStore heartbeats) {
        super(ui, "nighttrain");
        attachPage(new NightTrainPage(this, heartbeats));
        ui.attachTab(this);
    }

    @Override
    public String name() {
        return "Night Train";
    }

    /** Adds the tab to a running application that has a UI. */
    public static void attach(SparkContext spark) {
        if (spark.ui().isDefined()) {
            KVStore store = spark.statusStore().store();
            HeartbeatStore heartbeats = new HeartbeatStore(store);
            spark.listenerBus().addToStatusQueue(heartbeats);
            new NightTrainTab(spark.ui().get(), heartbeats);
        }
    }
}
