package nighttrain.pipeline.monitor;

import static j2html.TagCreator.each;
import static j2html.TagCreator.p;

import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.ui.SparkUI;
import org.apache.spark.ui.SparkUITab;
import org.apache.spark.util.kvstore.KVStore;
import scala.collection.JavaConverters;
import scala.collection.immutable.Seq;
import scala.xml.Node;
import scala.xml.Unparsed;

/** The tab "Night Train" of Spark's UI. That UI is no public interface; only this package uses it. */
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

    /** Adds the tab to a running application that has a UI. */
    public static void attach(SparkContext spark) {
        if (spark.ui().isDefined()) {
            KVStore store = spark.statusStore().store();
            HeartbeatStore heartbeats = new HeartbeatStore(store);
            spark.listenerBus().addToStatusQueue(heartbeats);
            new NightTrainTab(spark.ui().get(), heartbeats);
        }
    }

    /** The page's body: every run of the application, the latest first. */
    static Seq<Node> content(HeartbeatStore heartbeats) {
        List<RunView> runs = heartbeats.runs().stream()
                .map(run -> RunView.of(run, heartbeats.executors(run.runId())))
                .toList();
        String html = runs.isEmpty()
                ? p("No run of Night Train has begun to generate yet.").render()
                : each(runs, RunView::html).render();
        return JavaConverters.asScalaBuffer(List.<Node>of(new Unparsed(html))).toList();
    }
}
