package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

/** Tests the contents of the output other than the completions. */
class OutputContentTest extends JobTest {
    @Test
    void summaryAddsUp() throws IOException {
        input(2, prompts(10));
        values = values.with(Settings.FORMAT_OPTION, List.of("my.password=hunter2"));
        GenerateReport report = run();
        JobFolder folder = JobFolder.of(output().toString(), new Configuration());
        Summary summary = SummaryFile.read(folder.fs(), folder.summary());
        assertThat(summary.rows()).isEqualTo(10);
        assertThat(summary.errors()).isZero();
        assertThat(summary.promptTokens()).isEqualTo(80);
        assertThat(summary.outputTokens()).isEqualTo(80);
        assertThat(summary.ttftMs().p50()).isEqualTo(2);
        assertThat(summary.e2eMs().p99()).isEqualTo(10);
        assertThat(summary.tpotMs().p90()).isBetween(1.0, 1.2);
        assertThat(summary.layout()).isEqualTo("1x1");
        assertThat(summary.architecture()).isEqualTo("dense");
        assertThat(summary.versions()).containsKeys("night-train", "spark", "java");
        assertThat(summary.settings())
                .containsEntry("maxTokens", "256")
                .containsEntry("formatOption", "[\"my.password=***\"]");
        assertThat(summary.throughput().outputTokensPerS()).isPositive();
        assertThat(report.tokens().outputPerS()).isEqualTo(summary.throughput().outputTokensPerS());
        everyResultFileTellsWhereItComesFrom();
        nothingIsLeftThatOtherReadersTakeForData();
    }

    private void nothingIsLeftThatOtherReadersTakeForData() throws IOException {
        try (var files = Files.walk(output())) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.endsWith(".crc"));
        }
        try (var files = Files.list(output())) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("results", "metrics", "summary.json", "report.html", "_nighttrain");
        }
    }

    private void everyResultFileTellsWhereItComesFrom() throws IOException {
        try (var files = Files.list(output().resolve("results"))) {
            List<java.nio.file.Path> parquet =
                    files.filter(file -> file.toString().endsWith(".parquet")).toList();
            assertThat(parquet).isNotEmpty();
            for (java.nio.file.Path file : parquet) {
                assertThat(footer(file))
                        .containsKeys(
                                "nighttrain.fingerprint",
                                "nighttrain.model_fingerprint",
                                "nighttrain.version.night-train",
                                "nighttrain.version.spark",
                                "org.apache.spark.sql.parquet.row.metadata");
            }
        }
    }

    private static Map<String, String> footer(java.nio.file.Path file) throws IOException {
        try (ParquetFileReader reader =
                ParquetFileReader.open(HadoopInputFile.fromPath(new Path(file.toUri()), new Configuration()))) {
            return reader.getFileMetaData().getKeyValueMetaData();
        }
    }

    @Test
    void metricsFollowTheEngine() {
        input(1, prompts(40));
        script().onAnswer(
                        40,
                        () -> await(
                                "a sample is there",
                                () -> !journal().metricFiles().isEmpty()));
        run();
        List<Row> samples =
                spark.read().parquet(output().resolve("metrics").toString()).collectAsList();
        assertThat(samples.get(0).schema().fieldNames())
                .containsExactly(
                        "executor",
                        "replica",
                        "at",
                        "interval_ms",
                        "running",
                        "waiting",
                        "prompt_tokens",
                        "cached_prompt_tokens",
                        "output_tokens",
                        "steps",
                        "step_ms",
                        "comm_ms",
                        "kv_used",
                        "kv_pages",
                        "gpu_util",
                        "gpu_memory_bytes",
                        "gpu_watts",
                        "expert_imbalance");
        assertThat(samples).hasSizeGreaterThanOrEqualTo(2);
        assertThat(samples.stream()
                        .mapToLong(row -> row.<Long>getAs("output_tokens"))
                        .sum())
                .isEqualTo(results().stream()
                        .mapToLong(row -> row.<Integer>getAs("output_tokens"))
                        .sum());
        assertThat(samples)
                .extracting(row -> row.<java.sql.Timestamp>getAs("at"))
                .isSorted();
    }

    @Test
    void extrasComeWhenAskedForAndTextEndsBeforeAStopString() {
        input(1, List.of("Hi", "one two three", "N<|im_end|>OP", "N<|im_end|>"));
        values = values.with(Settings.TOKEN_IDS, true)
                .with(Settings.LOGPROBS, 1)
                .with(Settings.STOP, List.of("o t", "xyz", "<|im_end|>"));
        run();
        Row stopped = results().get(1);
        assertThat(stopped.<String>getAs("text")).isEqualTo("one tw");
        assertThat(stopped.<String>getAs("finish_reason")).isEqualTo("stop");
        for (Row atSpecialToken : results().subList(2, 4)) {
            assertThat(atSpecialToken.<String>getAs("text")).isEqualTo("N");
            assertThat(atSpecialToken.<String>getAs("finish_reason")).isEqualTo("stop");
            assertThat(atSpecialToken.<Integer>getAs("output_tokens")).isEqualTo(2);
            assertThat(atSpecialToken.<Row>getList(atSpecialToken.fieldIndex("logprobs")))
                    .extracting(entry -> entry.<String>getAs("token"))
                    .containsExactly("N", "<|im_end|>");
        }
        Row row = results().get(0);
        assertThat(row.<Integer>getList(row.fieldIndex("token_ids"))).containsExactly(72, 105);
        List<Row> logprobs = row.getList(row.fieldIndex("logprobs"));
        assertThat(logprobs).hasSize(2);
        assertThat(logprobs.get(1).<String>getAs("token")).isEqualTo("i");
        assertThat(logprobs.get(1).<Float>getAs("logprob")).isEqualTo(-0.5f);
        assertThat(logprobs.get(1).<Row>getList(logprobs.get(1).fieldIndex("top")))
                .hasSize(1);
    }
}
