package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.io.journal.Journal;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.engine.NightTrainPlugin;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** An executor gets SIGTERM, as under preemption, while it has rows that it cannot finish in time. Runs with {@code -Dnighttrain.soak}. */
@EnabledIfSystemProperty(named = "nighttrain.soak", matches = "\\d+")
@Timeout(600)
class ClusterFarewellIT {
    @TempDir
    Path folder;

    @Test
    void isHeldAgainstNoRow() throws Exception {
        TinyModel.in(folder.resolve("model"));
        try (StandaloneCluster cluster = StandaloneCluster.start(folder)) {
            cluster.addWorker(2, "");
            SparkConf conf =
                    new SparkConf().setAppName("farewell").set("spark.plugins", NightTrainPlugin.class.getName());
            cluster.conf().forEach(conf::set);
            try (SparkSession spark = SparkSession.builder().config(conf).getOrCreate()) {
                CompletableFuture<?> job = CompletableFuture.runAsync(() -> new GenerateJob(new MuteEngines())
                        .run(spark, GenerateOptions.of(settings()), ProgressListener.SILENT));
                while (tries().isEmpty()) {
                    assertThat(job).isNotDone();
                    Thread.sleep(100);
                }
                ProcessHandle executor = cluster.executors().get(0);
                Set<String> attempts = Set.copyOf(tries().keySet());
                assertThat(executor.destroy()).as("SIGTERM").isTrue();
                executor.onExit().get(60, TimeUnit.SECONDS);

                Map<String, List<RowAttempt>> left = tries();
                assertThat(left).containsKeys(attempts.toArray(String[]::new));
                assertThat(attempts)
                        .allSatisfy(attempt ->
                                assertThat(left.get(attempt)).isNotEmpty().allMatch(RowAttempt::released));
                spark.sparkContext().cancelAllJobs();
                assertThatThrownBy(() -> job.get(60, TimeUnit.SECONDS)).hasStackTraceContaining("cancelled");
            }
        }
    }

    /** Returns the rows that each task attempt has in flight, or had in flight when it ended, by attempt. */
    private Map<String, List<RowAttempt>> tries() throws Exception {
        FileSystem fs = FileSystem.getLocal(new Configuration());
        Journal journal = new Journal(
                fs,
                new org.apache.hadoop.fs.Path(
                        folder.resolve("out/_nighttrain/journal").toUri()));
        Map<String, List<RowAttempt>> tries = new HashMap<>();
        for (org.apache.hadoop.fs.Path file : AttemptLog.files(journal, "")) {
            String name = file.getName();
            tries.put(name.substring(0, name.lastIndexOf('-')), AttemptLog.read(fs, file));
        }
        return tries;
    }

    private SettingValues settings() {
        Map<String, Object> options = Map.of(
                "model",
                folder.resolve("model"),
                "loadFormat",
                "dummy",
                "input",
                Project.DEMO_PROMPTS,
                "output",
                folder.resolve("out"),
                "limit",
                40,
                "maxTokens",
                8,
                "maxNumSeqs",
                2);
        return SettingValues.resolve(options, key -> Optional.empty(), Map.of());
    }
}
