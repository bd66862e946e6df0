package nighttrain.jobs.plan;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.rand;

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
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.row.RowKind.Branch;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Some rows of a job through a whole run of their own. */
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
     * What a trial came to.
     *
     * @param rows outputs
     * @param errors of these
     * @param lengths of the others
     * @param branches the requests of a row
     * @param cachedPromptTokens found in the prefix cache
     * @param wallS all of it
     * @param generatingS while the engine was fed
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

        /** Those that requests of one row share with its first are none that rows have in common. */
        int sharedTokens() {
            long withinRows = lengths.stream()
                    .mapToLong(length -> branches.stream()
                            .skip(1)
                            .mapToLong(branch -> Math.max(0, length.promptTokens() - branch.apart()))
                            .sum())
                    .sum();
            return (int) (Math.max(0, cachedPromptTokens - withinRows) / lengths.size());
        }

        /** Both as one. */
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

        /** Beside what an engine of {@code plan} is forecast to take for it. */
        Calibration.Run run(EnginePlan plan, ModelSpec model, HardwareProfile hardware) {
            return new Calibration.Run(wallS, generatingS, forecastS(lengths.size(), plan, model, hardware));
        }

        /** Seconds that so many rows like these are forecast to take. */
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

    /** Of at most so many rows of a finished run, by chance. */
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
            return spark.read().parquet(output + "/results");
        } catch (Exception unreadable) {
            throw UserError.of(
                    "cannot read a run",
                    output,
                    "the output of a finished job is needed; check --from-run",
                    unreadable);
        }
    }

    /**
     * How many rows a trial runs: enough to fill the engine for some batches, or what is done once is taken for its pace. A first run of
     * few rows, which everything is new to, tells how long rows are; a second takes as many more as its time allows.
     *
     * @param rows at most
     * @param least of these, whatever time they take
     */
    public record TrialSize(int rows, int least) {
        private static final int BATCHES = 8;
        private static final int LEAST = 256;

        /** A processor is as busy with a third of a batch as with all of it, and a plan is wanted at once. */
        private static final double CPU_S = 10;

        /** A GPU is not: eight batches of short answers take half a minute. */
        private static final double GPU_S = 30;

        private static final double COLD_SHARE = 1.0 / 3;

        public TrialSize {
            if (least < 2 || rows < least) {
                throw new IllegalArgumentException("trial: " + least + " to " + rows + " rows (at least 2)");
            }
        }

        /** {@code asked}: so many, whatever time they take. */
        public static TrialSize of(Optional<Integer> asked, int maxNumSeqs) {
            return asked.map(rows -> new TrialSize(rows, rows))
                    .orElseGet(() -> new TrialSize(Math.max(LEAST, BATCHES * maxNumSeqs), LEAST));
        }

        /** Of {@code there} rows, those of the first run: at least one. */
        public int cold(int there) {
            return Math.max(1, (int) (Math.min(least, there) * COLD_SHARE));
        }

        /**
         * Of {@code there} rows, those of the second run.
         *
         * @param forecastS seconds that so many would take
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

        /** Of {@code warm} rows, those that go first, in a run of their own; 0 where there are too few for two. */
        public static int apart(int warm) {
            return warm < 4 * LEAST ? 0 : warm / 4;
        }
    }
}
