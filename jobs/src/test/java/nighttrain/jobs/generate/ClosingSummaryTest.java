package nighttrain.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.table.Percentiles;
import nighttrain.io.table.Summary;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.Summary.Throughput;
import nighttrain.pipeline.GenerateReport;
import org.junit.jupiter.api.Test;

class ClosingSummaryTest {
    private static final GenerateReport.Quantiles ANY = new GenerateReport.Quantiles(1.0, 2.0, 3.0);
    private static final Summary SUMMARY = summary(Incidents.NONE, Map.of());

    private static Summary summary(Incidents incidents, Map<String, String> settings) {
        return summary(incidents, Optional.empty(), settings);
    }

    private static Summary summary(Incidents incidents, Optional<ObjectNode> labels, Map<String, String> settings) {
        return summary("1x2", incidents, labels, settings);
    }

    private static Summary summary(
            String layout, Incidents incidents, Optional<ObjectNode> labels, Map<String, String> settings) {
        return new Summary(
                500,
                3,
                41.2,
                61_000,
                12_500,
                Throughput.of(61_000, 12_500, 40, 0),
                new Saved(0, 120, 9_000),
                new Percentiles(12.4, 20.0, 80.0),
                new Percentiles(null, null, null),
                new Percentiles(417.0, 900.0, 1_234.0),
                0.01,
                layout,
                "max_num_seqs 768: KV cache of 71.0 GiB holds 812 sequences of 640 tokens",
                "parallel_track(4 tracks, D=2, mean)",
                "f00d",
                incidents,
                labels,
                Optional.empty(),
                Map.of(),
                settings);
    }

    @Test
    void saysWhatAPersonAsksFirst() {
        assertThat(ClosingSummary.of(report(37, false), SUMMARY)).isEqualTo("""
            500 rows, 3 errors in 41.2 s (37 from earlier runs)
                        prompt      output      total
              tokens    61,000      12,500      73,500
              tokens/s  1,525       313         1,838       in the 40.0 s of generating
                        TTFT        TPOT        E2E
              p50       12.4 ms     -           417 ms
              p99       80.0 ms     -           1.23 s
              copied    120 rows of identical requests, 9,000 tokens not computed
              layout    1x2 (replicas x ranks), parallel_track(4 tracks, D=2, mean), on the CPU
              batch     max_num_seqs 768: KV cache of 71.0 GiB holds 812 sequences of 640 tokens
              output    /tmp/night-train (results, metrics, summary.json, report.html)
            """);
    }

    /** It might have been GPUs: the run that wrote the results saw no engine. */
    @Test
    void aRunWithoutAnEngineNamesNoDevices() {
        assertThat(ClosingSummary.of(report(500, false), summary("", Incidents.NONE, Optional.empty(), Map.of())))
                .contains("\n  layout    parallel_track(4 tracks, D=2, mean)\n")
                .doesNotContain("CPU");
    }

    @Test
    void saysWhatWentWrongOnTheWay() {
        assertThat(ClosingSummary.of(report(0, false), summary(new Incidents(1, 9, 1_031, 2), Map.of())))
                .startsWith("""
                    500 rows, 3 errors in 41.2 s
                      incidents 1 executor lost, 9 tasks begun again, 1,031 rows begun again, 2 rows quarantined
                                prompt\
                    """.stripTrailing());
    }

    @Test
    void saysWhichLabelsRowsGotAndHowManyAreRight() throws JsonProcessingException {
        ObjectNode labels = (ObjectNode) new ObjectMapper().readTree("""
                {"rows_by_label": {"a": 1, "b": 2000, "c": 3, "d": 0, "e": 0, "f": 0, "g": 0}, "rows_without_label": 7,
                 "gold": {"column": "right", "accuracy": 0.9876, "macro_f1": 0.5, "coverage": 0.99}}""");
        assertThat(ClosingSummary.of(report(0, false), summary(Incidents.NONE, Optional.of(labels), Map.of())))
                .contains("""
                          labels    b 2,000, c 3, a 1, d 0, e 0, f 0, 1 label more; none 7
                          right     98.8 % of those with a label, as the column right has it; macro-F1 0.500, coverage 99.0 %
                        """)
                .doesNotContain("TTFT");
    }

    @Test
    void namesTheTable() {
        Summary summary = summary(Incidents.NONE, Map.of("outputTable", "lake.nightly.labels", "tableMode", "merge"));
        assertThat(ClosingSummary.of(report(0, false), summary))
                .endsWith(" summary.json, report.html)\n  table     lake.nightly.labels (merge, one commit)\n");
    }

    @Test
    void saysWhenThereWasNothingToDo() {
        assertThat(ClosingSummary.of(report(500, true), SUMMARY))
                .startsWith("500 rows, 3 errors: an earlier run finished this job, nothing was left to do\n");
    }

    private static GenerateReport report(long earlier, boolean wasComplete) {
        return new GenerateReport(
                "file:/tmp/night-train",
                500,
                3,
                0,
                earlier,
                wasComplete,
                false,
                41.2,
                new GenerateReport.Tokens(61_000, 12_500, 312, 1_838),
                new GenerateReport.Latency(ANY, ANY, ANY));
    }
}
