package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * A mixture of experts, some of which process each token: the sum of the outputs of the experts that its {@link Router} chose, each times its weight,
 * and of the shared expert (arXiv 1701.06538, 2401.04088).
 *
 * @param activation activation of all experts
 * @param experts experts, all of one size
 * @param shared the shared expert, which processes every token
 */
public record MixtureOfExperts(Router router, Activation activation, List<Expert> experts, Optional<Shared> shared)
        implements FeedForward {
    /** {@code down(f(gate(x), up(x)))}, or {@code down(f(up(x)))} without a gate. */
    public record Expert(Optional<Linear> gate, Linear up, Linear down) {
        public List<Linear> parameters() {
            List<Linear> parameters = new ArrayList<>();
            gate.ifPresent(parameters::add);
            parameters.addAll(List.of(up, down));
            return parameters;
        }

        private long size() {
            return parameters().stream()
                    .mapToLong(linear -> (long) linear.outputs() * linear.inputs()
                            + (linear.bias().isPresent() ? linear.outputs() : 0))
                    .sum();
        }
    }

    /**
     * An MLP that processes every token.
     *
     * @param gate linear layer with one output, whose sigmoid multiplies the MLP's output (Qwen 3.5); none where the output is added unchanged
     */
    public record Shared(Mlp mlp, Optional<Linear> gate) {}

    /** The function between an expert's matrix products. */
    public sealed interface Activation {
        /** {@code f(gate) * up}, or {@code f(up)} without a gate. */
        record Plain(Mlp.Activation function) implements Activation {}

        /** {@code g * sigmoid(alpha * g) * (u + 1)} of {@code g = min(gate, limit)} and {@code u = min(max(up, -limit), limit)} (gpt-oss). */
        record ClampedSwiGlu(double alpha, double limit) implements Activation {}
    }

    /**
     * Chooses the experts of a token and the weights of their outputs. All experts get scores, {@code s = score(logits(x))}; the {@code chosen} best
     * are taken, those of lower numbers among equal ones.
     *
     * @param norm norm of the router's input (Gemma 4); none where the router reads what the experts read
     * @param logits hidden to one logit per expert
     * @param logitCap cap of logits, {@code cap * tanh(logits / cap)}; 0 for none
     * @param score function from logits to scores
     * @param correction added to the scores for the choice only (DeepSeek V3)
     * @param groups groups that limit the choice of experts
     * @param chosen number of experts that process a token
     * @param renormalized whether the weights of the chosen are divided by their sum
     * @param scaling factor of all weights; 1 for most families
     * @param expertScales factors of each expert's weight (Gemma 4)
     */
    public record Router(
            Optional<Norm> norm,
            Linear logits,
            double logitCap,
            Score score,
            Optional<Vector> correction,
            Optional<Groups> groups,
            int chosen,
            boolean renormalized,
            double scaling,
            Optional<Vector> expertScales) {
        /** How scores are computed from logits. */
        public enum Score {
            /** Softmax over all experts (Qwen 3, Mixtral). */
            SOFTMAX,
            /** Softmax over the chosen ones (gpt-oss, Granite). */
            SOFTMAX_OF_CHOSEN,
            /** Sigmoid of each logit (DeepSeek V3). */
            SIGMOID
        }

        /**
         * Experts in {@code count} equal groups. Only experts of the {@code chosen} best groups may be chosen: those whose two best experts have the
         * largest sum.
         */
        public record Groups(int count, int chosen) {}

        /** Returns a router with softmax over all experts; its weights are used as they are or divided by their sum. */
        public static Router softmax(Linear logits, int chosen, boolean renormalized) {
            return plain(logits, Score.SOFTMAX, chosen, renormalized);
        }

        /** Returns a router that takes the best logits and turns them into weights by softmax. */
        public static Router softmaxOfChosen(Linear logits, int chosen) {
            return plain(logits, Score.SOFTMAX_OF_CHOSEN, chosen, false);
        }

        private static Router plain(Linear logits, Score score, int chosen, boolean renormalized) {
            return new Router(
                    Optional.empty(),
                    logits,
                    0,
                    score,
                    Optional.empty(),
                    Optional.empty(),
                    chosen,
                    renormalized,
                    1,
                    Optional.empty());
        }

        /** Returns the same router with capped logits. */
        public Router cappedTo(double cap) {
            return new Router(
                    norm, logits, cap, score, correction, groups, chosen, renormalized, scaling, expertScales);
        }

        /** Returns the parameters that every rank holds whole. */
        public List<Parameter> parameters() {
            List<Parameter> parameters = new ArrayList<>();
            norm.ifPresent(parameters::add);
            parameters.add(logits);
            correction.ifPresent(parameters::add);
            expertScales.ifPresent(parameters::add);
            return parameters;
        }
    }

    public MixtureOfExperts {
        experts = List.copyOf(experts);
        if (experts.size() != router.logits().outputs() || router.chosen() > experts.size()) {
            throw new IllegalArgumentException(experts.size() + " experts, a router of "
                    + router.logits().outputs() + " that chooses " + router.chosen());
        }
    }

    /** Width of an expert. */
    public int width() {
        return experts.get(0).up().outputs();
    }

    public boolean isGated() {
        return experts.get(0).gate().isPresent();
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(router.parameters());
        experts.forEach(expert -> parameters.addAll(expert.parameters()));
        shared.ifPresent(one -> {
            parameters.addAll(one.mlp().parameters());
            one.gate().ifPresent(parameters::add);
        });
        return parameters;
    }

    /** Returns the parameters of the experts that do not process a token. */
    @Override
    public long idleParameters() {
        return (experts.size() - router.chosen()) * experts.get(0).size();
    }

    @Override
    public String shape() {
        return router.chosen() + " of " + experts.size() + " experts " + width()
                + shared.map(one -> " beside MLP " + one.mlp().width()).orElse("");
    }

    @Override
    public List<String> traits() {
        String name =
                activation instanceof Activation.Plain plain ? plain.function().label(isGated()) : "clamped SwiGLU";
        return List.of(name, "mixture of experts");
    }
}
