package nighttrain.executor.perf;

import java.util.List;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.DryRun;
import nighttrain.executor.architecture.DryRun.AllReduceCount;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.io.spec.ModelSpec;

/**
 * The time that a step is expected to take: the roofline at the rates that operations reach, the all-reduces that no module hides, and the starts and
 * ends of kernels. An all-reduce that overlaps a module costs only the time by which it is longer than the module.
 */
public final class StepTime {
    private final Roofline roofline;
    private final HardwareProfile hardware;
    private final DryRun pass;
    private final List<Integer> sumsInBlocks;
    private final ModelSpec model;
    private final int ranks;

    public StepTime(ModelSpec model, int ranks, HardwareProfile hardware) {
        this.model = model;
        this.ranks = ranks;
        this.hardware = hardware;
        this.roofline = new Roofline(model, ranks, hardware.reached(), hardware.elementBytes());
        this.pass = DryRun.of(Architecture.of(model), model);
        this.sumsInBlocks = ModelBlocks.of(model, 0, ranks).sumsInBlocks();
    }

    /** Seconds of {@code step}. */
    public double seconds(Roofline.Step step) {
        double computing = roofline.seconds(step);
        return computing + communicating(step, computing) + model.layers().size() * hardware.layerOverheadS();
    }

    /** Returns the part of {@link #seconds} in which ranks wait for all-reduces. */
    public double communicationSeconds(Roofline.Step step) {
        return communicating(step, roofline.seconds(step));
    }

    private double communicating(Roofline.Step step, double computing) {
        if (ranks == 1) {
            return 0;
        }
        double module = computing / (2.0 * model.layers().size());
        AllReduceCount all = pass.allReduces();
        AllReduceCount ofOutputRows = step.samples() < step.tokens() ? pass.ofOutputRows() : AllReduceCount.NONE;
        double inBlocks = sumsInBlocks.stream()
                .mapToDouble(
                        numbers -> hardware.allReduce().seconds(ranks, (double) step.tokens() * numbers * Float.BYTES))
                .sum();
        return waiting(all.less(ofOutputRows), step.tokens(), module)
                + waiting(ofOutputRows, step.samples(), module)
                + inBlocks;
    }

    private double waiting(AllReduceCount allReduces, long rows, double module) {
        double one = hardware.allReduce().seconds(ranks, (double) rows * model.hiddenSize() * hardware.elementBytes());
        return allReduces.blocking() * one + allReduces.overlapped() * Math.max(0, one - module);
    }
}
