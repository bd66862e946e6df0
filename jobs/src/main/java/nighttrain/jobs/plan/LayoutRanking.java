package nighttrain.jobs.plan;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.GpuMemory;
import nighttrain.executor.Layout;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.StepTime;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.plan.Plan.Option;
import nighttrain.jobs.plan.Plan.Option.Expected;
import nighttrain.jobs.plan.Sample.ReplicaTime;

/**
 * Ranks every layout of a node's GPUs by forecast speed, the fastest first.
 *
 * @param model the model
 * @param hardware profile of the GPUs
 * @param gpus GPUs of a node
 * @param config settings of each engine, the layout aside
 * @param sample sampled rows
 * @param nodes nodes that share the rows
 * @param pace measured seconds per forecast second
 */
record LayoutRanking(
        ModelSpec model,
        HardwareProfile hardware,
        int gpus,
        EngineConfig config,
        Sample sample,
        int nodes,
        double pace) {
    private static final int[] FEWER_SEQUENCES = {128, 64, 32, 16, 8, 4, 2, 1};
    private static final int[] MORE_GPUS = {2, 4, 8, 16, 32, 64};

    /** Returns the layouts; at least one works. */
    List<Option> ranked() {
        List<Option> all = IntStream.rangeClosed(1, gpus)
                .filter(ranks -> gpus % ranks == 0)
                .filter(ranks -> config.layout().ranks() == 0 || config.layout().ranks() == ranks)
                .mapToObj(ranks -> option(new Layout(gpus / ranks, ranks)))
                .sorted(Comparator.comparingDouble(Option::rate).reversed())
                .toList();
        if (all.stream().noneMatch(Option::works)) {
            throw fitsNowhere(all);
        }
        return all;
    }

    private Option option(Layout layout) {
        EngineConfig asked = config.with(layout);
        try {
            GpuMemory memory = Engines.memoryOn(hardware, layout.ranks(), asked, model);
            if (config.kv().pages() == 0 && !memory.isUseful()) {
                return new Option(layout, Optional.empty(), tooLarge(memory, asked, layout.ranks()));
            }
            if (layout.ranks() > 1 && !hardware.allReduce().isKnown()) {
                return new Option(
                        layout,
                        Optional.empty(),
                        "all-reduces between these GPUs were never measured; give --hardware");
            }
            EnginePlan plan = Engines.planOn(hardware, gpus, asked, model);
            StepTime time = new StepTime(model, layout.ranks(), hardware);
            GpuMemory settled =
                    Engines.memoryOn(hardware, layout.ranks(), asked.withMaxNumSeqs(plan.maxNumSeqs()), model);
            Expected expected = expected(sample, plan, time, nodes, pace, settled.usedBytes(plan));
            return new Option(layout, Optional.of(expected), why(layout, expected, plan));
        } catch (UserError refused) {
            return new Option(layout, Optional.empty(), refused.getMessage());
        }
    }

    /** Returns what an engine of {@code plan} is expected to do. */
    static Expected expected(Sample sample, EnginePlan plan, StepTime time, int nodes, double pace, long bytes) {
        double rowsPerReplica = (double) sample.computedRows() / nodes / plan.replicas();
        ReplicaTime replica = ReplicaTime.of(sample, plan, time, (long) Math.ceil(rowsPerReplica));
        double seconds = pace * replica.seconds(rowsPerReplica);
        double rowsPerS = sample.computedRows() / (double) nodes / seconds;
        double perRow = sample.meanPromptTokens() + sample.meanOutputTokens();
        long held = (long) plan.sequencesHeld((int) Math.ceil(perRow));
        return new Expected(
                rowsPerS * sample.meanOutputTokens(),
                rowsPerS * perRow,
                plan.replicas() * replica.rowsPerS() / pace,
                seconds,
                replica.communicationShare(),
                Math.max(1, Math.min(plan.maxNumSeqs(), held)),
                bytes,
                plan.maxNumSeqs(),
                plan.choice());
    }

    private String why(Layout layout, Expected expected, EnginePlan plan) {
        StringBuilder why = new StringBuilder(
                layout.ranks() == 1
                        ? "no all-reduces"
                        : String.format(Locale.ROOT, "all-reduces take %.0f %%", 100 * expected.communicationShare()));
        long rows = (long) Math.ceil((double) sample.computedRows() / nodes / layout.replicas());
        if (rows < expected.runningSequences()) { // weights are then read for few rows, and ranks share that reading
            why.append(String.format(
                    "; only %s a replica, which %d would fill",
                    Figures.count(rows, "row"), expected.runningSequences()));
        }
        if (expected.runningSequences() < plan.maxNumSeqs()) {
            why.append(String.format(
                    "; KV cache holds %d of %d sequences", expected.runningSequences(), plan.maxNumSeqs()));
        }
        if (!hardware.allReduce().hasMeasured(layout.ranks())) {
            why.append("; all-reduces of ")
                    .append(layout.ranks())
                    .append(" ranks not measured, those of other counts used");
        }
        Engines.missingOnGpus(model)
                .ifPresent(missing ->
                        why.append("; GPUs compute no ").append(missing).append(" yet"));
        return why.toString();
    }

    private String tooLarge(GpuMemory memory, EngineConfig asked, int ranks) {
        String needs = String.format(
                Locale.ROOT,
                "does not fit: %s needed of %s (weights %s)",
                gib(memory.neededBytes()),
                gib(memory.budgetBytes()),
                gib(memory.weightBytes()));
        return IntStream.of(FEWER_SEQUENCES)
                .filter(fewer -> fewer < Engines.mostSequences(asked, false))
                .filter(fewer -> Engines.memoryOn(hardware, ranks, asked.withMaxNumSeqs(fewer), model)
                        .isUseful())
                .mapToObj(fewer -> needs + "; --max-num-seqs " + fewer + " would")
                .findFirst()
                .orElse(needs);
    }

    private UserError fitsNowhere(List<Option> all) {
        String way = IntStream.of(MORE_GPUS)
                .filter(more -> more > gpus && fits(more))
                .mapToObj(more -> "use --gpus-per-node " + more + " to fit it")
                .findFirst()
                .orElse("lower --max-model-len or --max-num-seqs, or take a smaller model");
        Option last = all.get(all.size() - 1);
        return UserError.of(
                "model fits no layout", gpus + " x " + hardware.name(), last.layout() + ": " + last.why() + "; " + way);
    }

    private boolean fits(int ranks) {
        try {
            Engines.planOn(hardware, ranks, config.with(new Layout(1, ranks)), model);
            return Engines.memoryOn(hardware, ranks, config, model).isUseful();
        } catch (UserError refused) {
            return false;
        }
    }

    private static String gib(long bytes) {
        return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
    }
}
