package nighttrain.pipeline.monitor;

import static j2html.TagCreator.div;
import static j2html.TagCreator.each;
import static j2html.TagCreator.h4;
import static j2html.TagCreator.p;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.tfoot;
import static j2html.TagCreator.th;
import static j2html.TagCreator.thead;
import static j2html.TagCreator.tr;
import static nighttrain.pipeline.report.Numbers.count;
import static nighttrain.pipeline.report.Numbers.figure;
import static nighttrain.pipeline.report.Numbers.millis;
import static nighttrain.pipeline.report.Numbers.percent;

import j2html.tags.DomContent;
import java.util.List;
import java.util.Optional;
import nighttrain.pipeline.monitor.HeartbeatStore.StoredExecutor;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import nighttrain.pipeline.progress.RunStarted;
import scala.collection.JavaConverters;
import scala.collection.immutable.Seq;
import scala.xml.Node;
import scala.xml.Unparsed;

/**
 * A run as the page shows it.
 *
 * @param run the event of its start, with its goal
 * @param executors the work of each executor
 * @param done the work of all executors, without earlier runs
 * @param load the load of all executors; none once the run has ended
 * @param lastMs time of its last event, in ms since 1970
 * @param ended whether it has ended
 */
record RunView(RunStarted run, List<StoredExecutor> executors, Done done, Load load, long lastMs, boolean ended) {
    private static final List<String> COLUMNS = List.of(
            "Executor",
            "Rows",
            "Errors",
            "Prompt tokens",
            "Output tokens",
            "Tokens/s lately",
            "Tokens/s in all",
            "Running",
            "Waiting",
            "KV cache in use");
    private static final double MS_PER_S = 1000;

    RunView {
        executors = List.copyOf(executors);
    }

    /** Returns the page's body: every run of the application, the latest first. */
    static Seq<Node> all(HeartbeatStore heartbeats) {
        List<RunView> runs = heartbeats.runs().stream()
                .map(run -> of(run, heartbeats.executors(run.runId())))
                .toList();
        String html = runs.isEmpty()
                ? p("No run of Night Train has begun to generate yet.").render()
                : each(runs, RunView::html).render();
        return JavaConverters.asScalaBuffer(List.<Node>of(new Unparsed(html))).toList();
    }

    static RunView of(RunStarted run, List<StoredExecutor> heard) {
        List<StoredExecutor> executors = heard.stream()
                .filter(it -> !it.last().executor().equals(Heartbeat.ALL))
                .toList();
        Optional<Heartbeat> end = heard.stream()
                .map(StoredExecutor::last)
                .filter(last -> last.executor().equals(Heartbeat.ALL))
                .findFirst();
        Done done = executors.stream().map(it -> it.last().done()).reduce(Done.NOTHING, Done::plus);
        Load load = executors.stream().map(it -> it.last().load()).reduce(Load.NONE, Load::plus);
        // The final event may include work of an executor's last half second that no heartbeat reported.
        return end.map(last -> new RunView(run, executors, done.max(last.done()), Load.NONE, last.atMs(), true))
                .orElseGet(() -> new RunView(run, executors, done, load, heardMs(executors, run.atMs()), false));
    }

    private static long heardMs(List<StoredExecutor> executors, long startMs) {
        return executors.stream().mapToLong(it -> it.last().atMs()).max().orElse(startMs);
    }

    DomContent html() {
        return div(h4("Run " + run.runId()), p(progress()), p("Output: " + run.output()), grid());
    }

    private String progress() {
        long rows = run.outputsBefore() + done.rows();
        String state = count(rows) + " of " + count(run.outputs()) + " rows ("
                + percent((double) rows / Math.max(1, run.outputs())) + "), "
                + count(run.errorsBefore() + done.errors()) + " errors, "
                + (ended ? "ended after " : "for ") + millis(lastMs - run.atMs());
        return run.outputsBefore() == 0 ? state : state + "; " + count(run.outputsBefore()) + " rows were there before";
    }

    private DomContent grid() {
        double seconds = (lastMs - run.atMs()) / MS_PER_S;
        return table(
                        thead(tr(each(COLUMNS, column -> th(column).attr("scope", "col")))),
                        tbody(each(
                                executors,
                                it -> row(
                                        it.last().executor(),
                                        it.last().done(),
                                        ended ? Load.NONE : it.last().load(),
                                        it.meanTokensPerS()))),
                        tfoot(row("In all", done, load, seconds <= 0 ? Double.NaN : done.outputTokens() / seconds)))
                .withClasses("table", "table-bordered", "table-sm", "table-striped", "sortable");
    }

    private static DomContent row(String name, Done done, Load load, double meanTokensPerS) {
        List<String> figures = List.of(
                count(done.rows()),
                count(done.errors()),
                count(done.promptTokens()),
                count(done.outputTokens()),
                figure(load.tokensPerS()),
                figure(meanTokensPerS),
                count(load.running()),
                count(load.waiting()),
                percent(load.kvUse()));
        return tr(th(name).attr("scope", "row"), each(figures, text -> td(text)));
    }
}
