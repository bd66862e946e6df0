package nighttrain.jobs.plan;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Layout;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.StepTime;
import nighttrain.io.spec.ModelSpec;
import nighttrain.jobs.plan.Plan.Cost;
import nighttrain.jobs.plan.Plan.Names;
import nighttrain.jobs.plan.Plan.Option;
import nighttrain.jobs.plan.Plan.Option.Expected;
import nighttrain.jobs.plan.Sample.ReplicaTime;
import nighttrain.pipeline.partition.FleetSimulation;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;
import nighttrain.pipeline.partition.TaskPartitions;
import nighttrain.pipeline.partition.TaskPartitions.Kind;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;

/**
 * Forecasts what a job will take from its sampled rows and its hardware.
 *
 * @param model the model
 * @param config settings of each engine
 * @param maxTokens most tokens of an output
 * @param sample sampled rows
 * @param calibration result of the trial
 */
public record Planner(ModelSpec model, EngineConfig config, int maxTokens, Sample sample, Calibration calibration) {
    /** Tasks that feed an executor's engine at once: its cores, as pipeline/README.md recommends. */
    private static final int SLOTS = 4;

    /** Plans for GPUs, which need not be in this machine: ranks every layout of {@code gpus} on a node. */
    public Plan onGpus(HardwareProfile hardware, int gpus, PlanOptions options, Names names) {
        List<Option> ranked =
                new LayoutRanking(model, hardware, gpus, config, sample, options.nodes(), calibration.pace()).ranked();
        return plan(ranked, gpus, options, names);
    }

    /** Plans for an engine as it ran here in a trial. */
    public Plan asTried(EnginePlan plan, HardwareProfile hardware, PlanOptions options, Names names) {
        StepTime time = new StepTime(model, plan.ranks(), hardware);
        Expected expected = LayoutRanking.expected(sample, plan, time, options.nodes(), calibration.pace(), 0);
        Option only = new Option(
                new Layout(plan.replicas(), plan.ranks()),
                Optional.of(expected),
                "the layout of the trial; on the CPU ranks and replicas share the same cores");
        return plan(List.of(only), 0, options, names);
    }

    /** Returns the forecast of an engine of {@code plan} for all rows of {@code sample}, in seconds. */
    public static double forecastS(Sample sample, EnginePlan plan, ModelSpec model, HardwareProfile hardware) {
        double perReplica = (double) sample.computedRows() / plan.replicas();
        return ReplicaTime.of(sample, plan, new StepTime(model, plan.ranks(), hardware), (long) Math.ceil(perReplica))
                .seconds(perReplica);
    }

    private Plan plan(List<Option> ranked, int gpus, PlanOptions options, Names names) {
        Option best = ranked.get(0);
        Expected expected = best.expected().orElseThrow();
        Optional<FleetForecast> fleet = options.nodes() == 1
                ? Optional.empty()
                : Optional.of(fleet(expected, best.layout().replicas(), options));
        double generatingS =
                calibration.coldS() + fleet.map(FleetForecast::seconds).orElse(expected.nodeS());
        double wallS = generatingS + calibration.restS();
        double hours = wallS / 3600 * options.nodes() * Math.max(1, gpus);
        return new Plan(
                names,
                options.nodes(),
                gpus,
                sample,
                calibration,
                ranked,
                new Cost(generatingS, wallS, options.usdPerHour().map(usd -> usd * hours)),
                fleet);
    }

    private FleetForecast fleet(Expected node, int replicas, PlanOptions options) {
        int sequences = Math.toIntExact(node.runningSequences()) * replicas;
        int rows = Math.max(1, sequences / sample.branches().size());
        Fleet fleet = options.mishaps().befalling(options.nodes(), SLOTS, rows);
        List<TaskPartition> cuts = TaskPartitions.of(kinds(node, rows), options.nodes(), SLOTS, node.maxNumSeqs());
        return FleetSimulation.run(fleet, cuts);
    }

    /** Groups rows by length. A row's work is its share of all tokens; its time is proportional to its output. */
    private List<Kind> kinds(Expected node, int rowsAtATime) {
        double each = (double) sample.computedRows() / sample.lengths().size();
        double meanTokens = sample.meanPromptTokens() + sample.meanOutputTokens();
        double meanSeconds = rowsAtATime / node.rowsPerS();
        return sample.lengths().stream()
                .map(length -> new Kind(
                        length.promptTokens() + (long) maxTokens,
                        each,
                        (length.promptTokens() + length.outputTokens()) / meanTokens / node.rowsPerS(),
                        sample.hasOutputs()
                                ? meanSeconds * length.outputTokens() / sample.meanOutputTokens()
                                : meanSeconds))
                .toList();
    }
}
