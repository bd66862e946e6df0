package nighttrain.pipeline;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.HardwareProfile;
import nighttrain.executor.ModelFootprint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.checkpoint.ModelConfig;
import nighttrain.pipeline.engine.CountingEngines;
import nighttrain.pipeline.engine.RealEngines;
import nighttrain.pipeline.plan.Calibration;
import nighttrain.pipeline.plan.Length;
import nighttrain.pipeline.plan.Plan;
import nighttrain.pipeline.plan.PlanOptions;
import nighttrain.pipeline.plan.Planner;
import nighttrain.pipeline.plan.Planner.Names;
import nighttrain.pipeline.plan.Sample;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.LoadFormat;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.SparkSession;

/**
 * What a job will take. A plan is made by the parts that it is about: some rows go through a whole run, on the engine that is here or
 * on one that counts, and the engine's own scheduler forecasts the rest.
 */
public final class PlanJob {
    private final SparkSession spark;
    private final PlanOptions options;
    private final GenerateOptions job;
    private final Consumer<String> phase;

    /**
     * @param scratch a local folder for the trial's files
     * @param phase hears what is going on, in a few words
     */
    public PlanJob(SparkSession spark, PlanOptions options, Path scratch, Consumer<String> phase) {
        this.spark = spark;
        this.options = options;
        SettingValues values = options.job()
                .with(Settings.OUTPUT_PATH, scratch.resolve("trial").toString());
        // A profile's model need have no weights here: nothing is computed.
        this.job = GenerateOptions.of(
                options.hardware().isPresent() ? values.with(Settings.LOAD_FORMAT, LoadFormat.DUMMY) : values);
        this.phase = phase;
    }

    /** @throws nighttrain.io.UserError for whatever would end the job itself, and for a model that fits nowhere */
    public Plan run() {
        Path model = Path.of(job.model());
        try (Checkpoint checkpoint = job.dummyWeights() ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            return options.hardware().isPresent()
                    ? byProfile(options.hardware().get(), checkpoint)
                    : byTrial(checkpoint);
        }
    }

    private Plan byProfile(HardwareProfile hardware, Checkpoint checkpoint) {
        phase.accept("Reading a sample of the input");
        SampledRows rows = SampledRows.of(spark, job, options.sampleRows());
        Trial trial = new Trial(spark, job, new CountingEngines());
        Trial.Outcome counted = trial.run("counted", rows.all());
        List<Length> lengths = earlierLengths().orElse(counted.lengths());
        Sample sample = new Sample(
                rows.outputs(),
                counted.errorShare(),
                lengths,
                0,
                options.fromRun().isPresent() ? "an earlier run" : "--max-tokens, the most there can be");
        int gpus = options.gpusPerNode().orElse(1);
        return planner(checkpoint.config(), sample, Calibration.none())
                .onGpus(hardware, gpus, options, names(checkpoint, gpus + " x " + hardware.name()));
    }

    private Plan byTrial(Checkpoint checkpoint) {
        phase.accept("Measuring this machine");
        ModelConfig model = checkpoint.config();
        EnginePlan plan = Engines.plan(job.engine(), model);
        HardwareProfile here = Engines.measured(job.engine(), plan);
        phase.accept("Reading a sample of the input");
        SampledRows rows = SampledRows.of(spark, job, options.sampleRows());
        Trial trial = new Trial(spark, job, new RealEngines());
        phase.accept("Trying " + rows.size() + " rows");
        Trial.Outcome cold = trial.run("cold", rows.firstThird());
        Trial.Outcome warm = trial.run("warm", rows.rest());
        Calibration calibration = Calibration.of(cold.run(plan, model, here), warm.run(plan, model, here));
        Trial.Outcome both = cold.and(warm);
        Sample sample = new Sample(
                rows.outputs(),
                both.errorShare(),
                earlierLengths().orElse(both.lengths()),
                both.sharedTokens(),
                options.fromRun().isPresent() ? "an earlier run" : "the trial");
        Planner planner = planner(model, sample, calibration);
        Names names = names(checkpoint, Engines.machine(job.engine()));
        return here.isCpu()
                ? planner.asTried(plan, here, options, names)
                : planner.onGpus(here, options.gpusPerNode().orElse(plan.replicas() * plan.ranks()), options, names);
    }

    private Optional<List<Length>> earlierLengths() {
        return options.fromRun().map(run -> Trial.lengths(spark, run, options.sampleRows()));
    }

    private Planner planner(ModelConfig model, Sample sample, Calibration calibration) {
        return new Planner(model, job.engine(), job.sampling().maxTokens(), sample, calibration);
    }

    private Names names(Checkpoint checkpoint, String hardware) {
        return new Names(
                job.model(),
                checkpoint.fingerprint(),
                ModelFootprint.of(checkpoint.config()).architecture(),
                hardware);
    }
}
