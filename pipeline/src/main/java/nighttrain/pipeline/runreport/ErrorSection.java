package nighttrain.pipeline.runreport;

import java.util.List;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Section;
import nighttrain.pipeline.report.Table;
import nighttrain.pipeline.report.Table.Column;

/** What failed, and in which words. */
final class ErrorSection {
    private ErrorSection() {}

    static Section of(List<ErrorClass> classes, long rows) {
        List<Bar> bars = classes.stream()
                .map(it -> {
                    double n = it.rows();
                    return new Bar(
                            it.kind(), n, n, n, nighttrain.pipeline.report.Numbers.percent(n / rows) + " of all");
                })
                .toList();
        List<List<String>> examples = classes.stream()
                .flatMap(it -> it.examples().stream().map(message -> List.of(it.kind(), message)))
                .toList();
        return new Section(
                "Errors",
                "The results have the same in their columns error and error_message, for every row.",
                List.of(
                        new BarChart("Rows by error", "", "error", "rows", List.of(new Group("", bars))),
                        new Table("Examples", List.of(Column.text("error"), Column.text("message")), examples)));
    }
}
