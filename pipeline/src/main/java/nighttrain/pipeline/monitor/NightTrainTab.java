package nighttrain.pipeline.monitor;

import org.apache.spark.SparkContext;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;
import org.apache.spark.util.kvstore.KVStore;

/** The tab "Night Train" of Spark's UI. All that we know of the inside of that UI, which Spark promises nothing about, is in this package. */
public final class NightTrainTab extends SparkUITab {
    static final String TITLE = "Night Train";

    NightTrainTab(SparkUI ui, HeartbeatStore heartbeats) {
        super(ui, "nighttrain");
        attachPage(new NightTrainPage(this, heartbeats));
        ui.attachTab(this);
    }

    @Override
    public String name() {
        return TITLE;
    }

    /** Shows what a running application's executors tell, where it has a UI. */
    public static void attach(SparkContext spark) {
        if (spark.ui().isDefined()) {
            KVStore store = spark.statusStore().store();
            HeartbeatStore heartbeats = new HeartbeatStore(store);
            spark.listenerBus().addToStatusQueue(heartbeats);
            new NightTrainTab(spark.ui().get(), heartbeats);
        }
    }
}
