package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Order;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.TensorSpec.Stacked;

/**
 * Experts of these sizes, in the layouts of published checkpoints.
 *
 * @param count number of experts
 * @param hidden width of an expert's input and output
 * @param width width between an expert's matrix products
 */
record ExpertLayout(int count, int hidden, int width) {
    /** Most experts: each has objects of its own in every layer; published models have up to 512. */
    private static final int MAX_COUNT = 2048;

    /** Returns the number of experts per token. Refuses more than there are, and far more experts than any model has. */
    static int chosen(ConfigJson json, int absent, int experts) {
        if (experts > MAX_COUNT) {
            throw UserError.of(
                    "too many experts in " + json.file(),
                    experts,
                    "at most " + MAX_COUNT + "; correct the number of experts");
        }
        int chosen = json.size("num_experts_per_tok", absent);
        if (chosen > experts) {
            throw UserError.of(
                    "bad num_experts_per_tok in " + json.file(),
                    chosen,
                    "at most the number of experts, " + experts + "; correct it");
        }
        return chosen;
    }

    /** Returns the router: hidden to one logit per expert. */
    Linear router(String name, boolean bias) {
        return Linear.of(name, count, hidden, bias);
    }

    /** Returns experts with three layers each; the names of expert 7 begin with {@code at} and {@code 7.}. */
    List<Expert> separate(String at, String gate, String up, String down) {
        return each(e -> new Expert(
                Optional.of(Linear.of(at + e + "." + gate, width, hidden, false)),
                Linear.of(at + e + "." + up, width, hidden, false),
                Linear.of(at + e + "." + down, hidden, width, false)));
    }

    /** Returns experts in two tensors, {@code [experts, 2 * width, hidden]} with gate's rows before up's, and {@code [experts, hidden, width]}. */
    List<Expert> packed(String gateUp, String down) {
        return each(e -> new Expert(
                Optional.of(stacked(gateUp, e, false, width, hidden, new Storage(0, 2 * width, false))),
                stacked(gateUp, e, false, width, hidden, new Storage(width, 2 * width, false)),
                stacked(down, e, false, hidden, width, new Storage(0, hidden, false))));
    }

    /**
     * Returns experts in two tensors with biases, in which the outputs of gate and up alternate (gpt-oss).
     *
     * @param inputsFirst whether the tensors are {@code [experts, hidden, 2 * width]} and {@code [experts, width, hidden]}
     */
    List<Expert> interleaved(String gateUp, String down, boolean inputsFirst) {
        Order turns = new Order.Runs(1, 2);
        return each(e -> new Expert(
                Optional.of(stacked(gateUp, e, true, width, hidden, new Storage(0, turns, 2 * width, inputsFirst))),
                stacked(gateUp, e, true, width, hidden, new Storage(1, turns, 2 * width, inputsFirst)),
                stacked(down, e, true, hidden, width, new Storage(0, hidden, inputsFirst))));
    }

    private Linear stacked(String tensor, int expert, boolean bias, int outputs, int inputs, Storage storage) {
        return new Linear(
                Stacked.in(tensor, expert, count),
                bias ? Optional.of(Stacked.in(tensor + "_bias", expert, count)) : Optional.empty(),
                outputs,
                inputs,
                storage);
    }

    private List<Expert> each(IntFunction<Expert> expert) {
        return IntStream.range(0, count).mapToObj(expert).toList();
    }
}
