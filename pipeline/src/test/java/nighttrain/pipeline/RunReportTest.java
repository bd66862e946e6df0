package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.testing.Browser;
import org.junit.jupiter.api.Test;

/** Tests the report that generate writes. */
class RunReportTest extends JobTest {
    private static final String HOSTILE = "</td><script>document.title='owned'</script><img src=x onerror=alert(1)>";

    @Test
    void theReportShowsTheRunAndNobodysScript() throws IOException, InterruptedException {
        List<String> conversations = new ArrayList<>(IntStream.range(0, 60)
                .mapToObj(i -> "[{\"role\":\"user\",\"content\":\"" + "a".repeat(1 + i % 12) + "\"}]")
                .toList());
        conversations.add(HOSTILE);
        conversations.add(null);
        input(1, conversations);
        values = values.with(Settings.MESSAGES_COLUMN, "prompt").with(Settings.STOP, List.of(HOSTILE));
        script().answerMs.set(80);
        run();
        Path report = output().resolve("report.html");
        String html = Files.readString(report);
        assertThat(List.of("Night Train: 62 rows", "bad_messages", "null_prompt", "&lt;img src=x onerror=alert(1)&gt;"))
                .allMatch(html::contains);
        assertThat(List.of("<img", "<script>document")).noneMatch(html::contains);
        assertThat(rowsIn(html, "Prompts"))
                .as("every row without error has its place")
                .isEqualTo(60);
        assertThat(rowsIn(html, "Time to first token (TTFT)")).isEqualTo(60);
        assertThat(List.of("Output tokens per second", "Throughput")).allMatch(html::contains);
        opensWithoutComplaint(report);
    }

    @Test
    void aReportThatCannotBeWrittenHarmsNoRow() {
        input(1, prompts(40));
        script().answerMs.set(40);
        GenerateReport done = new GenerateJob(engines).run(spark, GenerateOptions.of(values), progress -> block());
        assertThat(done.rows()).isEqualTo(40);
        assertThat(results()).hasSize(40);
        assertThat(output().resolve("summary.json")).exists();
        assertThat(output().resolve("report.html")).as("what is in its way").isDirectory();
    }

    private void block() {
        try {
            Files.createDirectories(output().resolve("report.html/in-the-way"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the sum of the last column of the table behind a histogram. */
    private static long rowsIn(String html, String title) {
        String figure = html.substring(html.indexOf("<strong>" + title + "</strong>"));
        String body = figure.substring(figure.indexOf("<tbody>"), figure.indexOf("</tbody>"));
        return Pattern.compile(">([0-9,]+)</td></tr>")
                .matcher(body)
                .results()
                .map((MatchResult found) -> found.group(1).replace(",", ""))
                .mapToLong(Long::parseLong)
                .sum();
    }

    private void opensWithoutComplaint(Path report) throws IOException, InterruptedException {
        Optional<Browser> browser = Browser.find();
        assumeThat(browser)
                .as("left out: no Chromium in CHROMIUM or on the PATH")
                .isPresent();
        Browser.Opened opened = browser.get().open(report, 1200, dir);
        assertThat(opened.console()).isEmpty();
        assertThat(opened.dom().contains("data-drawn=\"7\""))
                .as("seven charts are drawn")
                .isTrue();
        assertThat(opened.dom().contains("<title>owned")).isFalse();
    }
}
