package nighttrain.jobs.plan;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.Layout;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;

/**
 * The expected time and cost of a job.
 *
 * @param names names of the model and the hardware
 * @param nodes nodes that share the rows, one executor each
 * @param devicesPerNode GPUs; 0 on the CPU
 * @param sample sampled rows
 * @param calibration result of the trial
 * @param options layouts, the fastest first; the first one works
 * @param cost time and money on the first layout
 * @param fleet forecast for many nodes, some of which are slow or fail; empty for one
 */
public record Plan(
        Names names,
        int nodes,
        int devicesPerNode,
        Sample sample,
        Calibration calibration,
        List<Option> options,
        Cost cost,
        Optional<FleetForecast> fleet) {
    /**
     * Names of the model and the hardware of a plan.
     *
     * @param model checkpoint directory
     * @param fingerprint fingerprint of the model's content
     * @param architecture name and settings of the architecture
     * @param hardware hardware of a node, in words
     */
    public record Names(String model, String fingerprint, String architecture, String hardware) {}

    /**
     * Time and cost of a job.
     *
     * @param generatingS seconds while engines are fed
     * @param wallS seconds of the whole run; equal to {@code generatingS} where no trial measured the rest
     * @param usd cost of the run; empty without a price
     */
    public record Cost(double generatingS, double wallS, Optional<Double> usd) {}

    public Plan {
        options = List.copyOf(options);
    }

    /** Returns the layout that the figures belong to. */
    public Option best() {
        return options.get(0);
    }

    /** Output tokens per second of all nodes, while generating. */
    public double outputTokensPerS() {
        return sample.outputTokens() / cost.generatingS();
    }

    /** Prompt and output tokens per second of all nodes, while generating. */
    public double totalTokensPerS() {
        return (sample.outputTokens() + sample.promptTokens()) / cost.generatingS();
    }

    /** GPU-hours of the job, over all GPUs; 0 on the CPU. */
    public double gpuHours() {
        return cost.wallS() / 3600 * nodes * devicesPerNode;
    }

    /**
     * A layout that could be chosen for every node.
     *
     * @param layout replicas x ranks
     * @param expected what the layout is expected to do; empty where it cannot work
     * @param why in words: what makes it fast or slow, or why it cannot work and what would help
     */
    public record Option(Layout layout, Optional<Expected> expected, String why) {
        public boolean works() {
            return expected.isPresent();
        }

        double rate() {
            return expected.map(Expected::totalTokensPerS).orElse(0.0);
        }

        /**
         * The expected performance of a layout on one node.
         *
         * @param outputTokensPerS while generating
         * @param totalTokensPerS the same, prompts included
         * @param rowsPerS rows per second of a node whose engine is full
         * @param nodeS seconds of generating for one node's even share of the rows
         * @param communicationShare share of that time in which ranks wait for all-reduces, 0 to 1
         * @param runningSequences sequences of one replica that the KV cache holds at a time, at most {@code maxNumSeqs}
         * @param bytesPerDevice bytes that the engine uses, keys and values included; 0 where that was not computed
         * @param maxNumSeqs most sequences in a step of one replica
         * @param choice why {@code maxNumSeqs} has this value, where the engine chose it
         */
        public record Expected(
                double outputTokensPerS,
                double totalTokensPerS,
                double rowsPerS,
                double nodeS,
                double communicationShare,
                long runningSequences,
                long bytesPerDevice,
                int maxNumSeqs,
                Optional<String> choice) {}
    }
}
