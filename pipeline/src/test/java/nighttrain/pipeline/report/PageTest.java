package nighttrain.pipeline.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.Block.Tiles;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.report.Table.Column;
import nighttrain.testing.Browser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageTest {
    private static final String HOSTILE =
            "</script></style></textarea><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

    @TempDir
    private Path dir;

    @Test
    void textsAreTextsWhateverTheySay() {
        String html = page(HOSTILE).render();
        assertThat(html.contains("&lt;script&gt;")).isTrue();
        assertThat(List.of("<script>document", "<img")).noneMatch(html::contains);
        assertThat(Pattern.compile("<(script|link|iframe)[^>]*\\s(src|href)=")
                        .matcher(html)
                        .find())
                .as("nothing comes from outside")
                .isFalse();
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> new Table("", List.of(Column.text("a")), List.of(List.of("1", "2"))))
                .hasMessage("cells of a row: 2 (1 columns)");
        assertThatThrownBy(() -> new Histogram("", "", "ms", true, "rows", List.of(1.0, 2.0), counts(3)))
                .hasMessage("bins of rows: 3 (2 edges)");
        assertThatThrownBy(() -> new Bar("a", 2, 3, 4, "")).hasMessage("bar a: 2.0 (at least 0, between 3.0 and 4.0)");
    }

    @Test
    void aBrowserDrawsEveryChartAndHasNoComplaint() throws IOException, InterruptedException {
        Optional<Browser> browser = Browser.find();
        assumeThat(browser)
                .as("left out: no Chromium in CHROMIUM or on the PATH")
                .isPresent();
        Path file = Files.writeString(dir.resolve("page.html"), page(HOSTILE).render());
        Browser.Opened opened = browser.get().open(file, 390, dir);
        assertThat(opened.console()).isEmpty();
        assertThat(List.of("data-drawn=\"2\"", "<canvas")).allMatch(opened.dom()::contains);
        assertThat(opened.dom().contains("<title>owned")).isFalse();
    }

    private static Page page(String text) {
        List<Double> minutes =
                DoubleStream.iterate(0, s -> s < 600, s -> s + 5).boxed().toList();
        List<Double> wave =
                minutes.stream().map(s -> 900 + 300 * Math.sin(s / 60)).toList();
        List<Double> edges = IntStream.rangeClosed(0, 20)
                .mapToObj(i -> Math.pow(2, 4 + i / 2.0))
                .toList();
        return new Page(
                "Page " + text,
                text,
                List.of(
                        new Section(
                                text,
                                text,
                                List.of(
                                        new Tiles(List.of(
                                                new Tiles.Tile("rows " + text, "1,000", text),
                                                new Tiles.Tile("errors", "0", ""))),
                                        new LineChart(
                                                "Tokens per second",
                                                text,
                                                new LineChart.X("time", "s", minutes),
                                                "tokens/s",
                                                List.of(
                                                        new LineChart.Line("output", wave),
                                                        new LineChart.Line(
                                                                text,
                                                                wave.stream()
                                                                        .map(v -> v / 2)
                                                                        .toList()))),
                                        new Histogram(
                                                "Time to first token",
                                                "p50 1 s",
                                                "ms",
                                                true,
                                                "rows",
                                                edges,
                                                counts(20)))),
                        new Section(
                                "Bars and lanes",
                                "",
                                List.of(
                                        new BarChart(
                                                "Throughput",
                                                text,
                                                "architecture",
                                                "tokens/s",
                                                List.of(new BarChart.Group(
                                                        "prefill " + text,
                                                        List.of(
                                                                new Bar("dense", 800, 750, 820, text),
                                                                Bar.of(text, 1200))))),
                                        new Timelines(
                                                "Running",
                                                "",
                                                "executor",
                                                "sequences",
                                                600,
                                                List.of(
                                                        new Timelines.Lane("0", wave),
                                                        new Timelines.Lane(text, List.of(Double.NaN, 1.0, 2.0)))),
                                        Table.of(text, "setting", "value", Map.of("prompt", text))))),
                text);
    }

    private static List<Histogram.Counts> counts(int bins) {
        return List.of(new Histogram.Counts(
                "rows",
                LongStream.range(0, bins).map(i -> (bins - i) * i * 7).boxed().toList()));
    }
}
