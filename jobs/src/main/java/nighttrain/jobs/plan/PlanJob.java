package nighttrain.jobs.plan;

import static org.apache.spark.sql.functions.rand;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.text.Tokenizer;
import nighttrain.jobs.plan.Plan.Names;
import nighttrain.jobs.plan.Sample.Length;
import nighttrain.jobs.plan.Trial.TrialSize;
import nighttrain.pipeline.cluster.LoneExecutor;
import nighttrain.pipeline.host.CountingEngines;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.UnreadableFile;
import nighttrain.pipeline.row.RowKind.Branch;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Plans a job. The trial uses the parts that it forecasts: some rows go through a whole run, on the real engine or on one that only counts tokens,
 * and the engine's own scheduler forecasts the rest.
 */
public final class PlanJob {
    private final SparkSession spark;
    private final PlanOptions options;
    private final GenerateOptions job;
    private final Consumer<String> phase;

    /**
     * @param scratch folder for the trial's files that executors can reach, too
     * @param phase receives the current phase, in a few words
     */
    public PlanJob(SparkSession spark, PlanOptions options, String scratch, Consumer<String> phase) {
        this.spark = spark;
        this.options = options;
        SettingValues values = options.job().with(Settings.OUTPUT_PATH, scratch + "/trial");
        // Planning for a hardware profile computes nothing, so the model needs no weights here.
        this.job = GenerateOptions.of(
                options.hardware().isPresent() ? values.with(Settings.LOAD_FORMAT, LoadFormat.DUMMY) : values);
        this.phase = phase;
    }

    /**
     * Makes the plan.
     *
     * @throws nighttrain.io.UserError for any error that would end the job itself, and for a model that fits nowhere
     */
    public Plan run() throws InterruptedException {
        Path model = Path.of(job.model());
        try (Checkpoint stored = job.dummyWeights() ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            Engines.checkUses(job.engine(), List.of(stored.spec()));
            Checkpoint checkpoint = stored.with(job.engine().inFormats(stored.spec()));
            return options.hardware().isPresent()
                    ? byProfile(options.hardware().get(), checkpoint)
                    : byTrial(checkpoint);
        }
    }

    private Plan byProfile(HardwareProfile hardware, Checkpoint checkpoint) {
        TrialSize size = TrialSize.of(options.sampleRows(), Engines.mostSequences(job.engine(), false));
        SampledRows rows = sampledRows(size);
        Trial trial = new Trial(spark, job, rows.branches(), new CountingEngines());
        Trial.Outcome counted = trial.run("counted", rows.all());
        Sample sample = new Sample(
                rows.outputs(),
                counted.errorShare(),
                earlierLengths(size).orElse(counted.lengths()),
                0,
                rows.branches(),
                options.fromRun().isPresent() ? "an earlier run" : "--max-tokens, the most there can be");
        int gpus = options.gpusPerNode().orElse(1);
        return planner(checkpoint.spec(), sample, Calibration.none())
                .onGpus(hardware, gpus, options, names(checkpoint, gpus + " x " + hardware.name()));
    }

    private Plan byTrial(Checkpoint checkpoint) throws InterruptedException {
        phase.accept("Measuring the hardware");
        ModelSpec model = checkpoint.spec();
        EngineKey key = EngineKey.of(job);
        Testbed bed = new LoneExecutor(spark.sparkContext()).call(() -> Testbed.here(key));
        EnginePlan plan = bed.plan();
        HardwareProfile hardware = bed.hardware();
        TrialSize size = TrialSize.of(options.sampleRows(), plan.maxNumSeqs());
        SampledRows rows = sampledRows(size);
        Trial trial = new Trial(spark, job, rows.branches(), new RealEngines());
        int few = size.cold(rows.size());
        phase.accept("Trying " + few + " rows");
        Trial.Outcome cold = trial.run("cold", rows.first(few));
        int more = size.warm(rows.size(), hardware, count -> cold.forecastS(count, plan, model, hardware));
        phase.accept("Trying " + more + " rows more");
        List<Trial.Outcome> warm = warmRuns(trial, rows, few, more);
        Calibration calibration = Calibration.of(
                cold.run(plan, model, hardware),
                warm.stream().map(run -> run.run(plan, model, hardware)).toList());
        Trial.Outcome all = warm.stream().reduce(cold, Trial.Outcome::and);
        Sample sample = new Sample(
                rows.outputs(),
                all.errorShare(),
                earlierLengths(size).orElse(all.lengths()),
                all.sharedTokens(),
                rows.branches(),
                options.fromRun().isPresent() ? "an earlier run" : "the trial");
        Planner planner = planner(model, sample, calibration);
        Names names = names(checkpoint, bed.machine());
        return hardware.isCpu()
                ? planner.asTried(plan, hardware, options, names)
                : planner.onGpus(
                        hardware, options.gpusPerNode().orElse(plan.replicas() * plan.ranks()), options, names);
    }

    /** Runs the {@code more} rows after the first {@code few}: at once, or, where there are enough, a part of them before the rest. */
    private static List<Trial.Outcome> warmRuns(Trial trial, SampledRows rows, int few, int more) {
        int apart = TrialSize.apart(more);
        List<Trial.Outcome> runs = new ArrayList<>();
        if (apart > 0) {
            runs.add(trial.run("warm", rows.after(few, apart)));
        }
        runs.add(trial.run("warmer", rows.after(few + apart, more - apart)));
        return runs;
    }

    private SampledRows sampledRows(TrialSize size) {
        phase.accept("Reading a sample of the input");
        try {
            return SampledRows.of(spark, job, size.rows());
        } catch (Exception failed) { // Scala throws checked exceptions that no signature declares
            UnreadableFile.throwIfBehind(failed);
            throw failed;
        }
    }

    private Optional<List<Length>> earlierLengths(TrialSize size) {
        return options.fromRun().map(run -> Trial.lengths(spark, run, size.rows()));
    }

    private Planner planner(ModelSpec model, Sample sample, Calibration calibration) {
        Lengths lengths = new Lengths(
                (int) Math.ceil(sample.meanPromptTokens()), Math.max(1, (int) Math.ceil(sample.meanOutputTokens())));
        return new Planner(
                model, job.engine().with(lengths), job.decoding().sampling().maxTokens(), sample, calibration);
    }

    private Names names(Checkpoint checkpoint, String hardware) {
        return new Names(
                job.model(),
                checkpoint.fingerprint(),
                ModelFootprint.of(checkpoint.spec()).architecture(),
                hardware);
    }

    /**
     * The machine of a trial, as measured there.
     *
     * @param plan sizes of the engine
     * @param hardware measured profile of its devices
     * @param machine description in words
     */
    private record Testbed(EnginePlan plan, HardwareProfile hardware, String machine) implements Serializable {
        /** Measures the machine of this process; it takes seconds, and no other engine may be open meanwhile. */
        static Testbed here(EngineKey key) {
            EngineConfig config = EngineHost.here().here(key.config());
            Path model = Path.of(key.model());
            try (Checkpoint checkpoint = key.dummyWeights() ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
                EnginePlan plan = Engines.plan(config, checkpoint.spec());
                return new Testbed(plan, Engines.measured(config, plan), Engines.machine(config));
            }
        }
    }

    /**
     * Randomly chosen rows of an input, in random order.
     *
     * @param outputs number of outputs of the whole job
     * @param branches the requests of a row
     * @param rows sampled rows, at least one
     */
    private record SampledRows(
            SparkSession spark, StructType schema, long outputs, List<Branch> branches, List<Row> rows) {
        private static final long SEED = 7;
        /** Factor by which the sample exceeds the number wanted, since each row is chosen independently. */
        private static final double MARGIN = 2;

        private static final double AT_LEAST = 1000;

        /** Samples {@code most} rows; fewer where the input has fewer. */
        static SampledRows of(SparkSession spark, GenerateOptions job, int most) {
            InputSource source = new InputReader(spark).open(job.input());
            source.requireRows(job.input().path().orElse("the input"));
            InputColumns columns = InputColumns.of(source.schema(), job, ResultColumns.names(job));
            Dataset<Row> used = source.table(columns.used());
            Dataset<Row> table = job.input()
                    .limit()
                    .map(limit -> used.limit((int) Math.min(Integer.MAX_VALUE, limit)))
                    .orElse(used);
            long count = table.count();
            double share = Math.min(1, (MARGIN * most + AT_LEAST) / count);
            List<Row> rows =
                    table.sample(share, SEED).orderBy(rand(SEED)).limit(most).collectAsList();
            return new SampledRows(spark, table.schema(), count * job.samples(), branches(job, columns), rows);
        }

        private static List<Branch> branches(GenerateOptions job, InputColumns columns) {
            try (Tokenizer tokenizer = Tokenizer.open(Path.of(job.model()))) {
                return job.kind(tokenizer, columns.prompt()).branches();
            }
        }

        int size() {
            return rows.size();
        }

        Dataset<Row> all() {
            return first(rows.size());
        }

        Dataset<Row> first(int count) {
            return spark.createDataFrame(rows.subList(0, count), schema);
        }

        /** Returns {@code count} rows after the first {@code before}; the last row where there are none. */
        Dataset<Row> after(int before, int count) {
            int from = Math.min(before, rows.size() - 1);
            return spark.createDataFrame(rows.subList(from, Math.max(from + 1, before + count)), schema);
        }
    }
}
