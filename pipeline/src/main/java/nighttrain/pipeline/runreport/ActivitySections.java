package nighttrain.pipeline.runreport;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.LineChart;
import nighttrain.pipeline.report.LineChart.Line;
import nighttrain.pipeline.report.Numbers;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.report.Timelines;
import nighttrain.pipeline.report.Timelines.Lane;

/** Makes the report's sections on the engines' activity over time. */
final class ActivitySections {
    /** Limit of lanes, to keep the page short enough to read. */
    private static final int LANES = 40;

    private ActivitySections() {}

    static Section throughput(Activity activity) {
        LineChart.X time = new LineChart.X("time", "s", activity.times());
        return new Section(
                "Over time",
                "All executors together, a point per " + Numbers.figure(activity.stretchS())
                        + " s. The tokens of a prompt count when" + " its row is finished.",
                List.of(
                        new LineChart(
                                "Throughput",
                                "",
                                time,
                                "tokens/s",
                                List.of(
                                        new Line("output", activity.sum(Measure.OUTPUT_TOKENS)),
                                        new Line("prompt", activity.sum(Measure.PROMPT_TOKENS)))),
                        new LineChart(
                                "Sequences",
                                "",
                                time,
                                "",
                                List.of(
                                        new Line("running", activity.sum(Measure.RUNNING)),
                                        new Line("waiting", activity.sum(Measure.WAITING))))));
    }

    static Section executors(Activity activity) {
        List<String> shown = shown(activity);
        int all = activity.executors().size();
        List<Block> blocks = new ArrayList<>();
        for (Measure measure : Measure.values()) {
            List<Lane> lanes = shown.stream()
                    .flatMap(name -> Stream.ofNullable(
                                    activity.executors().get(name).get(measure))
                            .map(values -> new Lane(name, values)))
                    .toList();
            if (lanes.stream().flatMap(lane -> lane.values().stream()).anyMatch(value -> value > 0)) {
                blocks.add(new Timelines(measure.title(), "", "executor", measure.unit(), activity.seconds(), lanes));
            }
        }
        String lead = shown.size() == all
                ? "One lane each, on one scale."
                : "The slowest " + shown.size() + " of " + Numbers.count(all) + ", one lane each, on one scale.";
        return new Section("Executors", lead, blocks);
    }

    private static List<String> shown(Activity activity) {
        List<String> all = List.copyOf(activity.executors().keySet());
        if (all.size() <= LANES) {
            return all;
        }
        Comparator<String> bySpeed =
                Comparator.comparingDouble(name -> tokens(activity.executors().get(name)));
        List<String> slowest = all.stream().sorted(bySpeed).limit(LANES).toList();
        return all.stream().filter(slowest::contains).toList();
    }

    private static double tokens(Map<Measure, List<Double>> lanes) {
        return lanes.getOrDefault(Measure.OUTPUT_TOKENS, List.of()).stream()
                .filter(Double::isFinite)
                .mapToDouble(Double::doubleValue)
                .sum();
    }
}
