package nighttrain.pipeline.monitor;

import javax.servlet.http.HttpServletRequest;
import org.apache.spark.ui.SparkUITab;
import org.apache.spark.ui.UIUtils;
import org.apache.spark.ui.WebUIPage;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.xml.Node;

/** The one page of the tab. Each Spark has its own form of what this calls: servlets of javax or jakarta, and the page's frame. */
final class NightTrainPage extends WebUIPage {
    private final SparkUITab tab;
    private final HeartbeatStore heartbeats;

    NightTrainPage(SparkUITab tab, HeartbeatStore heartbeats) {
        super("");
        this.tab = tab;
        this.heartbeats = heartbeats;
    }

    @Override
    public Seq<Node> render(HttpServletRequest request) {
        return UIUtils.headerSparkPage(
                request,
                tab.name(),
                () -> RunView.all(heartbeats),
                tab,
                Option.empty(),
                false,
                        false)
                .toList();
    }
}
