package nighttrain.jobs.plan;

import java.util.List;
import java.util.Optional;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;

/**
 * What a job is expected to take.
 *
 * @param model checkpoint directory
 * @param modelFingerprint names the model's content
 * @param architecture its name and settings
 * @param hardware in words
 * @param nodes that share the rows, an executor each
 * @param devicesPerNode GPUs; 0 on the CPU
 * @param sample what is known of the rows
 * @param calibration what a trial said
 * @param options layouts, the fastest first; that works
 * @param generatingS seconds while engines are fed, on the first option
 * @param wallS seconds of the whole run; as {@code generatingS} where no trial told what goes around it
 * @param usd what that costs; empty without a price
 * @param fleet what becomes of many nodes, of which some are slow and some fail; empty for one
 */
public record Plan(
        String model,
        String modelFingerprint,
        String architecture,
        String hardware,
        int nodes,
        int devicesPerNode,
        Sample sample,
        Calibration calibration,
        List<Option> options,
        double generatingS,
        double wallS,
        Optional<Double> usd,
        Optional<FleetForecast> fleet) {
    public Plan {
        options = List.copyOf(options);
    }

    /** The layout that the figures are of. */
    public Option best() {
        return options.get(0);
    }

    /** Of all nodes, while generating. */
    public double outputTokensPerS() {
        return sample.outputTokens() / generatingS;
    }

    /** Of all nodes, while generating; prompts included. */
    public double totalTokensPerS() {
        return (sample.outputTokens() + sample.promptTokens()) / generatingS;
    }

    /** Hours that all GPUs together are held; 0 on the CPU. */
    public double gpuHours() {
        return wallS / 3600 * nodes * devicesPerNode;
    }
}
