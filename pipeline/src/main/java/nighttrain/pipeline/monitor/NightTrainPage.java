package nighttrain.pipeline.monitor;

import static j2html.TagCreator.each;
import static j2html.TagCreator.p;

import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.apache.spark.ui.UIUtils;
import org.apache.spark.ui.WebUIPage;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.xml.Node;
import scala.xml.Unparsed;

/** The tab's one page: every run of the application, the latest first. */
final class NightTrainPage extends WebUIPage {
    private final NightTrainTab tab;
    private final HeartbeatStore heartbeats;

    NightTrainPage(NightTrainTab tab, HeartbeatStore heartbeats) {
        super("");
        this.tab = tab;
        this.heartbeats = heartbeats;
    }

    @Override
    public Seq<Node> render(HttpServletRequest request) {
        return UIUtils.headerSparkPage(
                request, NightTrainTab.TITLE, this::content, tab, Option.empty(), false, false, false);
    }

    private Seq<Node> content() {
        List<RunView> runs = heartbeats.runs().stream()
                .map(run -> RunView.of(run, heartbeats.executors(run.runId())))
                .toList();
        String html = runs.isEmpty()
                ? p("No run of Night Train has begun to generate yet.").render()
                : each(runs, RunView::html).render();
        return CollectionConverters.asScala(List.<Node>of(new Unparsed(html))).toSeq();
    }
}
