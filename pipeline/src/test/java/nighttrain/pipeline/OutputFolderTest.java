package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.TextSource;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

class OutputFolderTest extends JobTest {
    @Test
    void aChangedJobIsRefusedAndNamed() {
        input(1, prompts(3));
        run();
        SettingValues same = values;
        values = same.with(Settings.MAX_NUM_SEQS, 7).with(Settings.THREADS, 1);
        assertThat(run().wasComplete())
                .as("how fast it is computed is not part of a job")
                .isTrue();
        values = same.with(Settings.MAX_TOKENS, 5).with(Settings.SYSTEM, "Be brief.");
        refuses(
                "output belongs to another job: file:" + output()
                        + " (changed: system none -> Be brief., max-tokens 256 -> 5; set these back to go on with it, use --overwrite to delete it and start anew, or choose another --output)");
        values = same.with(Settings.RESUME, false);
        refuses(
                "output exists: file:" + output()
                        + " (resuming is off; leave out --resume false to go on with it, use --overwrite to delete it and start anew, or choose another --output)");
        values = same;
        addAnInputFile();
        assertThatThrownBy(this::run)
                .hasMessageMatching(
                        "output belongs to another job: .* \\(changed: input 1 file, .* -> 2 files, .*;"
                                + " set these back to go on with it, use --overwrite to delete it and start anew, or choose another --output\\)");
        assertThat(results()).hasSize(3);
    }

    private void addAnInputFile() {
        spark.range(1)
                .selectExpr("id as key", "'more' as prompt")
                .coalesce(1)
                .write()
                .mode("append")
                .parquet(dir.resolve("input").toString());
    }

    @Test
    void overwriteReplacesWhatWasThereAndNothingElse() throws IOException {
        input(1, prompts(3));
        run();
        Files.writeString(output().resolve("notes.txt"), "mine");
        values = values.with(Settings.MAX_TOKENS, 4).with(Settings.OVERWRITE, true);
        run();
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsOnly("prom");
        assertThat(output().resolve("notes.txt")).hasContent("mine");
    }

    @Test
    void foreignFilesAreNotTouched() throws IOException {
        input(1, prompts(1));
        Files.createDirectory(output());
        Files.writeString(output().resolve("thesis.doc"), "ten years of work");
        values = values.with(Settings.OVERWRITE, true);
        refuses("output directory is not empty: file:" + output()
                + " (it has thesis.doc, which Night Train did not write; choose another --output)");
        assertThat(output()).isDirectoryContaining(file -> file.endsWith("thesis.doc"));
    }

    @Test
    void overwriteDoesNotDeleteItsInput() {
        input(1, prompts(3));
        run();
        SettingValues own = values.with(Settings.PROMPT_COLUMN, "text").with(Settings.OVERWRITE, true);
        values = own.with(Settings.INPUT_PATH, output().resolve("results").toString());
        refuses("input would be deleted: file:" + output()
                + " (--overwrite deletes what an earlier run wrote there, and"
                + " the input is part of it; choose another --output)");
        Dataset<Row> results = spark.read().parquet(output().resolve("results").toString());
        assertThatThrownBy(() -> NightTrain.generate(results.filter("text <> ''"), own, engines))
                .hasMessageStartingWith("input would be deleted: ");
        assertThat(results.count()).isEqualTo(3);
    }

    /** Spark takes a path that it reads for a pattern. */
    @Test
    void aFolderMayBeCalledLikeAPattern() {
        Path folder = dir.resolve("run [1] {a}*");
        SettingValues named =
                values.with(Settings.OUTPUT_PATH, folder.toString()).with(Settings.DEDUP, true);
        Dataset<Row> prompts = spark.sql("SELECT explode(array('same', 'same', NULL)) AS prompt");
        assertThat(NightTrain.generate(prompts, named, engines).count()).isEqualTo(3);
        assertThat(folder.resolve("report.html")).content().contains("null_prompt", "tokens/s");
    }

    @Test
    void outputThatIsNoPath() {
        input(1, prompts(1));
        values = values.with(Settings.OUTPUT_PATH, "run-06:00");
        refuses(
                "bad path: run-06:00 (a name with a colon is taken for a URI; write a name of this folder as ./NAME, any"
                        + " other from its root)");
        values = values.with(Settings.OUTPUT_PATH, "foo://runs/1");
        refuses("bad path: foo://runs/1 (No FileSystem for scheme \"foo\"; check its beginning, or bring the file"
                + " system's jar by --conf spark.jars.packages)");
        values = values.with(Settings.OUTPUT_PATH, "abfs://runs/1");
        refuses("bad path: abfs://runs/1 (Class org.apache.hadoop.fs.azurebfs.AzureBlobFileSystem not found; check its"
                + " beginning, or bring the file system's jar by --conf spark.jars.packages)");
        values = values.with(Settings.OUTPUT_PATH, output().toString()).with(Settings.INPUT_PATH, "in:put");
        refuses(
                "bad path: in:put (a name with a colon is taken for a URI; write a name of this folder as ./NAME, any other"
                        + " from its root)");
        values = values.with(Settings.INPUT_PATH, "project:data.tickets")
                .with(Settings.FORMAT, TextSource.class.getName());
        assertThat(run().rows()).as("the table of another source").isEqualTo(1);
    }

    @Test
    void outputInTheInputIsRefused() throws IOException {
        input(1, prompts(1));
        Path day = Files.createDirectory(dir.resolve("input/day"));
        try (Stream<Path> parts = Files.list(dir.resolve("input"))) {
            Path part = parts.filter(file -> file.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            Files.move(part, day.resolve("prompts.parquet"));
        }
        values = values.with(Settings.OUTPUT_PATH, dir.resolve("input/results").toString());
        for (String input : List.of("input", "input/*", "i*t", "input/[d-r]*", "{input/d*,*/r*}", "*/*/*{s,y}*")) {
            values = values.with(Settings.INPUT_PATH, dir.resolve(input).toString());
            refuses("output lies in the input: file:" + dir
                    + "/input/results (a directory beside it; choose another --output)");
        }
        values = values.with(
                Settings.INPUT_PATH, dir.resolve("input/*/*.parquet").toString());
        run();
        assertThat(run().wasComplete())
                .as("the results are no part of the input")
                .isTrue();
    }

    @Test
    void outputIsAFile() throws IOException {
        input(1, prompts(1));
        Files.writeString(output(), "a file");
        refuses("output is a file: file:" + output() + " (a directory is needed; choose another --output)");
    }

    @Test
    void outputThatCannotBeWrittenTo() {
        input(1, prompts(1));
        values = values.with(Settings.OUTPUT_PATH, "/proc/output");
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageMatching("cannot write to the output: file:/proc/output"
                        + " \\(.*; check --output and who may write there\\)");
    }

    @Test
    void twoRunsAtOnceAreKeptApart() {
        input(1, prompts(1));
        JobFolder folder = JobFolder.of(output().toString(), new Configuration());
        try (JobLock other = JobLock.take(folder, "0-other-run")) {
            assertThat(other.run()).isEqualTo("0-other-run");
            assertThatThrownBy(this::run)
                    .hasMessageMatching("output is in use: file:.*/output \\(by run 0-other-run, process \\d+ on .*;"
                            + " wait for it, end it and wait 60 s, or choose another --output\\)");
        }
        assertThat(run().rows()).isEqualTo(1);
    }

    @Test
    void theLockOfADeadProcessIsNoObstacle() throws IOException {
        input(1, prompts(1));
        Files.createDirectories(output().resolve("_nighttrain"));
        String host = java.net.InetAddress.getLocalHost().getHostName();
        Files.writeString(
                output().resolve("_nighttrain/lock-dead.json"),
                "{\"run\":\"dead\",\"host\":\"" + host + "\",\"pid\":999999999,\"processStartMs\":1}");
        assertThat(run().rows()).isEqualTo(1);
    }
}
