package nighttrain.jobs.plan;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.rand;

import java.io.FileNotFoundException;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.jobs.plan.Sample.Length;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.row.RowKind.Branch;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Runs some rows of a job as a whole run of their own. */
final class Trial {
    private final SparkSession spark;
    private final GenerateOptions job;
    private final List<Branch> branches;
    private final EngineFactory engines;

    /** {@code branches}: the requests of a row. */
    Trial(SparkSession spark, GenerateOptions job, List<Branch> branches, EngineFactory engines) {
        this.spark = spark;
        this.job = job;
        this.branches = branches;
        this.engines = engines;
    }

    /**
     * The result of a trial.
     *
     * @param rows number of outputs
     * @param errors outputs with errors
     * @param lengths lengths of the others
     * @param branches the requests of a row
     * @param cachedPromptTokens prompt tokens found in the prefix cache
     * @param wallS time of the whole run, in seconds
     * @param generatingS time while the engine was fed, in seconds
     */
    record Outcome(
            long rows,
            long errors,
            List<Length> lengths,
            List<Branch> branches,
            long cachedPromptTokens,
            double wallS,
            double generatingS) {
        double errorShare() {
            return (double) errors / rows;
        }

        /** Returns the leading tokens that rows have in common; those that requests of one row share with its first do not count. */
        int sharedTokens() {
            long withinRows = lengths.stream()
                    .mapToLong(length -> branches.stream()
                            .skip(1)
                            .mapToLong(branch -> Math.max(0, length.promptTokens() - branch.apart()))
                            .sum())
                    .sum();
            return (int) (Math.max(0, cachedPromptTokens - withinRows) / lengths.size());
        }

        /** Returns both outcomes added. */
        Outcome and(Outcome other) {
            return new Outcome(
                    rows + other.rows,
                    errors + other.errors,
                    Stream.concat(lengths.stream(), other.lengths.stream()).toList(),
                    branches,
                    cachedPromptTokens + other.cachedPromptTokens,
                    wallS + other.wallS,
                    generatingS + other.generatingS);
        }

        /** Returns this outcome beside the forecast for an engine of {@code plan}. */
        Calibration.Run run(EnginePlan plan, ModelSpec model, HardwareProfile hardware) {
            return new Calibration.Run(wallS, generatingS, forecastS(lengths.size(), plan, model, hardware));
        }

        /** Returns the forecast for this number of rows like these, in seconds. */
        double forecastS(int rows, EnginePlan plan, ModelSpec model, HardwareProfile hardware) {
            Sample all = new Sample(rows, 0, lengths, sharedTokens(), branches, "");
            return Planner.forecastS(all, plan, model, hardware);
        }
    }

    /** Runs {@code rows}; {@code name} tells this run from others of the trial. */
    Outcome run(String name, Dataset<Row> rows) {
        String output = job.output().path() + "/" + name;
        GenerateOptions own = GenerateOptions.of(job.settings().with(Settings.OUTPUT_PATH, output));
        GenerateReport report = new GenerateJob(engines).run(spark, own, InputReader.of(rows), ProgressListener.SILENT);
        Summary summary = summary(output);
        List<Length> lengths = lengths(spark, output, Integer.MAX_VALUE);
        double generatingS =
                summary.totalTokens() / Math.max(1e-9, report.tokens().totalPerS());
        return new Outcome(
                summary.rows(),
                summary.errors(),
                lengths,
                branches,
                summary.saved().cachedPromptTokens(),
                summary.wallS(),
                generatingS);
    }

    private Summary summary(String output) {
        Path file = new Path(output, "summary.json");
        try {
            return SummaryFile.read(file.getFileSystem(spark.sessionState().newHadoopConf()), file);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Returns the lengths of at most {@code most} rows of a finished run, chosen at random. */
    static List<Length> lengths(SparkSession spark, String output, int most) {
        List<Length> lengths = results(spark, output)
                .filter(col("error").isNull())
                .select(col("prompt_tokens").cast("int"), col("output_tokens").cast("int"))
                .orderBy(rand(1))
                .limit(most)
                .collectAsList()
                .stream()
                .map(row -> new Length(Math.max(1, row.getInt(0)), row.getInt(1)))
                .toList();
        if (lengths.isEmpty()) {
            throw UserError.of(
                    "no row to learn from",
                    output,
                    "every row that was tried failed; its results say why; mend the" + " input, or the settings");
        }
        return lengths;
    }

    // Spark throws AnalysisException, which is checked, past a signature that does not say so.
    private static Dataset<Row> results(SparkSession spark, String output) {
        try {
            JobFolder folder = JobFolder.of(output, spark.sessionState().newHadoopConf());
            if (!folder.isComplete()) {
                throw new FileNotFoundException(folder.summary().toString());
            }
            return spark.read().parquet(JobFolder.read(folder.results()));
        } catch (Exception unreadable) {
            throw UserError.of(
                    "cannot read a run",
                    output,
                    "the output of a finished job is needed; check --from-run",
                    unreadable);
        }
    }

    /**
     * The number of rows in a trial: enough to fill the engine for several batches, or one-time costs would count as its pace. A first, cold run of
     * few rows shows how long rows are; a second run takes as many more as its time allows.
     *
     * @param rows most rows
     * @param least fewest rows, whatever time they take
     */
    public record TrialSize(int rows, int least) {
        private static final int BATCHES = 8;
        private static final int LEAST = 256;

        /** Time of the second run on a CPU, in seconds. A third of a batch keeps a CPU as busy as a whole one, and a plan should be quick. */
        private static final double CPU_S = 10;

        /** Time of the second run on a GPU, in seconds. A GPU needs full batches: eight batches of short answers take half a minute. */
        private static final double GPU_S = 30;

        private static final double COLD_SHARE = 1.0 / 3;

        public TrialSize {
            if (least < 2 || rows < least) {
                throw new IllegalArgumentException("trial: " + least + " to " + rows + " rows (at least 2)");
            }
        }

        /** {@code asked}: exactly this number of rows, whatever time they take. */
        public static TrialSize of(Optional<Integer> asked, int maxNumSeqs) {
            return asked.map(rows -> new TrialSize(rows, rows))
                    .orElseGet(() -> new TrialSize(Math.max(LEAST, BATCHES * maxNumSeqs), LEAST));
        }

        /** Returns the rows of the first run, out of {@code there}: at least one. */
        public int cold(int there) {
            return Math.max(1, (int) (Math.min(least, there) * COLD_SHARE));
        }

        /**
         * Returns the rows of the second run, out of {@code there}.
         *
         * @param forecastS forecast seconds for a number of rows
         */
        public int warm(int there, HardwareProfile hardware, IntToDoubleFunction forecastS) {
            int most = Math.min(rows, there) - cold(there);
            int fewest = Math.min(least, there) - cold(there);
            if (most == fewest) {
                return most;
            }
            double share = (hardware.isCpu() ? CPU_S : GPU_S) / forecastS.applyAsDouble(most);
            return Math.max(fewest, (int) Math.round(most * Math.min(1, share)));
        }

        /** Returns the rows of the second run that go first, in a run of their own; 0 where there are too few for two. */
        public static int apart(int warm) {
            return warm < 4 * LEAST ? 0 : warm / 4;
        }
    }
}
