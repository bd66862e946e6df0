package nighttrain.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.job.JobLock.RunId;
import nighttrain.pipeline.row.RowKind.Findings;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.SparkSession;

/** A job that an earlier run finished. Its rows stay as they are; the review tables are written again if {@code --review} has changed. */
record FinishedJob(SparkSession spark, PreparedJob job, Summary summary) {
    static FinishedJob of(SparkSession spark, PreparedJob job) {
        JobFolder folder = job.folder();
        return new FinishedJob(spark, job, SummaryFile.read(folder.fs(), folder.summary()));
    }

    /**
     * Returns the report of the finished job.
     *
     * @throws UserError for a gold column other than the finished job's, which the results may lack
     */
    GenerateReport report() {
        asked(Settings.GOLD).filter(gold -> isOther(Settings.GOLD)).ifPresent(gold -> {
            throw UserError.of(
                    "finished job has another gold column",
                    gold,
                    "only an unfinished job takes another --gold; use --overwrite to run it again, or another"
                            + " --output");
        });
        if (isOther(Settings.REVIEW)) {
            writeTables();
        }
        return GenerateReport.ofComplete(job.folder(), job.options().output().maxRowErrors());
    }

    private void writeTables() {
        JobFolder folder = job.folder();
        Optional<Findings> findings =
                job.options().input().kind().findings(() -> spark.read().parquet(JobFolder.read(folder.results())));
        if (findings.isEmpty() || findings.get().tables().isEmpty()) {
            return;
        }
        try (JobLock lock = JobLock.take(folder, RunId.next())) {
            Commit.writeTables(findings.get(), folder, lock.run());
            Map<String, String> settings = new LinkedHashMap<>(summary.settings());
            settings.put(Settings.REVIEW.name(), asked(Settings.REVIEW).orElseThrow());
            SummaryFile.write(folder.fs(), folder.summary(), summary.with(settings));
            folder.tidy(folder.hasJournal());
        }
    }

    private boolean isOther(Setting<?> setting) {
        String defaultText = SettingValues.none().asText().get(setting.name());
        String earlier = summary.settings().getOrDefault(setting.name(), defaultText);
        return !Objects.equals(asked(setting).orElse(null), earlier);
    }

    private Optional<String> asked(Setting<?> setting) {
        return Optional.ofNullable(job.options().settings().asText().get(setting.name()));
    }
}
