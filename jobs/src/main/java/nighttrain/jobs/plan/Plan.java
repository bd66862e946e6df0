package nighttrain.jobs.plan;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.Layout;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;

/**
 * What a job is expected to take.
 *
 * @param names of what it is of
 * @param nodes that share the rows, an executor each
 * @param devicesPerNode GPUs; 0 on the CPU
 * @param sample what is known of the rows
 * @param calibration what a trial said
 * @param options layouts, the fastest first; that works
 * @param cost in time and money, on the first option
 * @param fleet what becomes of many nodes, of which some are slow and some fail; empty for one
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
     * Names of what a plan is of.
     *
     * @param model checkpoint directory
     * @param fingerprint of the model's content
     * @param architecture its name and settings
     * @param hardware of a node, in words
     */
    public record Names(String model, String fingerprint, String architecture, String hardware) {}

    /**
     * What the job takes.
     *
     * @param generatingS seconds while engines are fed
     * @param wallS seconds of the whole run; as {@code generatingS} where no trial told what goes around it
     * @param usd of the run; empty without a price
     */
    public record Cost(double generatingS, double wallS, Optional<Double> usd) {}

    public Plan {
        options = List.copyOf(options);
    }

    /** The layout that the figures are of. */
    public Option best() {
        return options.get(0);
    }

    /** Of all nodes, while generating. */
    public double outputTokensPerS() {
        return sample.outputTokens() / cost.generatingS();
    }

    /** Of all nodes, while generating; prompts included. */
    public double totalTokensPerS() {
        return (sample.outputTokens() + sample.promptTokens()) / cost.generatingS();
    }

    /** Hours that all GPUs together are held; 0 on the CPU. */
    public double gpuHours() {
        return cost.wallS() / 3600 * nodes * devicesPerNode;
    }

    /**
     * A layout that could be chosen for every node.
     *
     * @param layout replicas x ranks
     * @param expected what it would do; empty where it cannot work
     * @param why in words: what makes it fast or slow, or why it cannot work and what would make it
     */
    public record Option(Layout layout, Optional<Expected> expected, String why) {
        public boolean works() {
            return expected.isPresent();
        }

        double rate() {
            return expected.map(Expected::totalTokensPerS).orElse(0.0);
        }

        /**
         * What a layout is expected to do on one node.
         *
         * @param outputTokensPerS while generating
         * @param totalTokensPerS prompts included
         * @param rowsPerS of a node whose engine is full
         * @param nodeS seconds of generating that one node's even share of the rows takes
         * @param communicationShare of that time, in which ranks wait for all-reduces, 0 to 1
         * @param runningSequences that the KV cache holds at a time, {@code maxNumSeqs} at most, of one replica
         * @param bytesPerDevice that the engine fills, keys and values included; 0 where that was not asked
         * @param maxNumSeqs most sequences in a step of one replica
         * @param choice why so many, where the engine chose
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
