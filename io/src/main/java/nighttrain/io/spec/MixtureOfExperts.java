package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * Experts of which every token passes some: the sum over those that its {@link Router} chose, each times its weight, and of the shared
 * expert (arXiv 1701.06538, 2401.04088).
 *
 * @param activation of all experts
 * @param experts all of one size
 * @param shared what every token passes
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
     * An MLP that every token passes.
     *
     * @param gate one output, whose sigmoid the MLP's is multiplied by (Qwen 3.5); none where it counts whole
     */
    public record Shared(Mlp mlp, Optional<Linear> gate) {}

    /** What stands between an expert's products. */
    public sealed interface Activation {
        /** {@code f(gate) * up}, or {@code f(up)} without a gate. */
        record Plain(Mlp.Activation function) implements Activation {}

        /** {@code g * sigmoid(alpha * g) * (u + 1)} of {@code g = min(gate, limit)} and {@code u = min(max(up, -limit), limit)} (gpt-oss). */
        record ClampedSwiGlu(double alpha, double limit) implements Activation {}
    }

    /**
     * Which experts a token passes, and what each one's output is multiplied by. From scores of all experts, {@code s = score(logits(x))}, the {@code chosen}
     * best are taken; of equal ones those of lower numbers.
     *
     * @param norm of what the router reads (Gemma 4); none where it reads what the experts read
     * @param logits hidden to one logit an expert
     * @param logitCap bounds logits to {@code cap * tanh(logits / cap)}; 0 for none
     * @param score logits to scores
     * @param correction added to the scores for the choice alone (DeepSeek V3)
     * @param groups which of the experts may be chosen
     * @param chosen experts that a token passes
     * @param renormalized whether the weights of the chosen are divided by their sum
     * @param scaling factor of all weights; 1 for most families
     * @param expertScales factors of the experts' weights (Gemma 4)
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
        /** How logits become weights. */
        public enum Score {
            /** Softmax over all experts (Qwen 3, Mixtral). */
            SOFTMAX,
            /** Softmax over the chosen ones (gpt-oss, Granite). */
            SOFTMAX_OF_CHOSEN,
            /** Of each on its own (DeepSeek V3). */
            SIGMOID
        }

        /**
         * Experts in {@code count} equal groups, of which the {@code chosen} best may be used: those whose two best experts have the largest sum.
         */
        public record Groups(int count, int chosen) {}

        /** Scores over all experts by softmax: as they are, or divided by their sum. */
        public static Router softmax(Linear logits, int chosen, boolean renormalized) {
            return plain(logits, Score.SOFTMAX, chosen, renormalized);
        }

        /** The best logits, which softmax turns into weights. */
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

        /** The same with logits bounded. */
        public Router cappedTo(double cap) {
            return new Router(
                    norm, logits, cap, score, correction, groups, chosen, renormalized, scaling, expertScales);
        }

        /** What every rank has whole. */
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

    /** Those of the experts that a token does not pass. */
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
