package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Stack;
import nighttrain.io.spec.Parameter.Linear.Storage;

/**
 * Experts of these sizes, in the layouts that checkpoints keep them in.
 *
 * @param count of experts
 * @param hidden what one reads and writes
 * @param width between its products
 */
record ExpertLayout(int count, int hidden, int width) {
    /** Refuses more experts a token than there are. */
    static int chosen(ConfigJson json, int absent, int experts) {
        int chosen = json.size("num_experts_per_tok", absent);
        if (chosen > experts) {
            throw UserError.of(
                    "bad num_experts_per_tok in " + json.file(),
                    chosen,
                    "at most the number of experts, " + experts + "; correct it");
        }
        return chosen;
    }

    /** The router: hidden to a logit an expert. */
    Linear router(String name, boolean bias) {
        return Linear.of(name, count, hidden, bias);
    }

    /** Three layers each; expert 7's names begin with {@code at} and {@code 7.}. */
    List<Expert> separate(String at, String gate, String up, String down) {
        return each(e -> new Expert(
                Optional.of(Linear.of(at + e + "." + gate, width, hidden, false)),
                Linear.of(at + e + "." + up, width, hidden, false),
                Linear.of(at + e + "." + down, hidden, width, false)));
    }

    /** Two tensors of all, {@code [experts, 2 * width, hidden]}, gate's rows before up's, and {@code [experts, hidden, width]}. */
    List<Expert> packed(String gateUp, String down) {
        return each(e -> new Expert(
                Optional.of(stacked(gateUp, false, width, hidden, new Storage(0, 1, 2 * width, false, stack(e)))),
                stacked(gateUp, false, width, hidden, new Storage(width, 1, 2 * width, false, stack(e))),
                stacked(down, false, hidden, width, new Storage(0, 1, hidden, false, stack(e)))));
    }

    /**
     * The same with biases, gate's outputs and up's taking turns (gpt-oss).
     *
     * @param inputsFirst {@code [experts, hidden, 2 * width]} and {@code [experts, width, hidden]}
     */
    List<Expert> interleaved(String gateUp, String down, boolean inputsFirst) {
        return each(e -> new Expert(
                Optional.of(stacked(gateUp, true, width, hidden, new Storage(0, 2, 2 * width, inputsFirst, stack(e)))),
                stacked(gateUp, true, width, hidden, new Storage(1, 2, 2 * width, inputsFirst, stack(e))),
                stacked(down, true, hidden, width, new Storage(0, 1, hidden, inputsFirst, stack(e)))));
    }

    private static Linear stacked(String tensor, boolean bias, int outputs, int inputs, Storage storage) {
        Optional<String> biasName = bias ? Optional.of(tensor + "_bias") : Optional.empty();
        return new Linear(tensor, biasName, outputs, inputs, storage);
    }

    private Optional<Stack> stack(int expert) {
        return Optional.of(new Stack(expert, count));
    }

    private List<Expert> each(IntFunction<Expert> expert) {
        return IntStream.range(0, count).mapToObj(expert).toList();
    }
}
