package nighttrain.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.jobs.compare.Comparison.PublishedTable;
import nighttrain.testing.Browser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareReportTest {
    private static final int PHONE_PX = 360;

    private static final MadeResult MADE = new MadeResult()
            .with("dense", "1x4", 1000, 1000)
            .with("track-d8", "1x4", 1160, 1180)
            .bound("dense", "1x4", 1250, 1250)
            .bound("track-d8", "1x4", 1300, 1300)
            .with("dense", "4x1", 1500, 1520)
            .failed("track-d8", "4x1", "model does not fit the GPUs")
            .published(table("output_tokens_per_s", 3000, 3900))
            .published(table("ttft_p50_ms", 48, 37));

    @TempDir
    Path folder;

    @Test
    void saysHowThingsStandAndWhereOthersFiguresAreFrom() {
        assertThat(text(CompareReport.of(MADE.result())))
                .contains("Made &lt;up&gt;", "replicas win. dense 4x1 makes 1.29 of track-d8 1x4")
                .contains("dense on 1x4 is 1.0 under each workload")
                .contains(
                        "track-d8 1x4 1.17 (1.16 to 1.18) 1,170 tokens/s",
                        "dense 4x1 1.51 (1.5 to 1.52) 1,510 tokens/s")
                .contains("dense 1x4 80 ", "track-d8 1x4 90 ") // percent of their own bounds
                .contains("Another machine: 8 x H100 (a paper). Ours: 1x4 on a machine.", "sizes are ours")
                .contains(
                        "Times as fast as dense by output tokens per s",
                        "track-d8, ours 1.17 (1.16 to 1.18)",
                        "track-d8, published (vLLM) 1.3 ")
                .contains("track-d8, published (vLLM) 1.3 ") // 48 / 37: lower times are better
                .contains("model does not fit the GPUs");
    }

    @Test
    void aBrowserOpensItWithoutComplaint() throws IOException, InterruptedException {
        Optional<Browser> browser = Browser.find();
        assumeThat(browser)
                .as("left out: no Chromium in CHROMIUM or on the PATH")
                .isPresent();
        Path file = Files.writeString(folder.resolve("report.html"), CompareReport.of(MADE.result()));

        Browser.Opened opened = browser.get().open(file, PHONE_PX, folder);

        assertThat(opened.console()).isEmpty();
        assertThat(opened.dom()).contains("Beside published figures");
        assertThat(browser.get().contentWidth(file, PHONE_PX, folder))
                .as("nothing to scroll sideways")
                .isLessThanOrEqualTo(PHONE_PX);
    }

    private static PublishedTable table(String figure, double dense, double track) {
        return new PublishedTable(
                figure,
                "Theirs",
                "a paper",
                "8 x H100",
                "sizes are ours",
                figure,
                List.of(new PublishedTable.Row(
                        "vLLM",
                        MadeResult.WORKLOAD,
                        new java.util.TreeMap<>(Map.of("dense", dense, "track-d8", track)))));
    }

    /** Returns the text without tags, scripts and styles, as a reader sees it. */
    private static String text(String html) {
        return html.replaceAll("(?s)<(script|style).*?</\\1>", "")
                .replaceAll("<[^>]*>", " ")
                .replaceAll("\\s+", " ");
    }
}
