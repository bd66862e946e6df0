package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.spec.Parameter.Norm;

/**
 * One layer: a mixer and a feed-forward, each with what comes before and after it.
 *
 * @param mixerNorm what the mixer reads the stream through; none where it reads the stream itself
 * @param mixerResidual what happens to the mixer's output before it is added
 * @param feedForwardNorm as {@code mixerNorm}; none in a parallel block, whose feed-forward reads what the mixer reads
 * @param feedForwardResidual as {@code mixerResidual}
 */
public record LayerSpec(
        Optional<Norm> mixerNorm,
        Mixer mixer,
        Residual mixerResidual,
        Optional<Norm> feedForwardNorm,
        FeedForward feedForward,
        Residual feedForwardResidual) {
    /** A norm before each of the two and none after: the layer of most families. */
    public static LayerSpec preNorm(Norm mixerNorm, Mixer mixer, Norm feedForwardNorm, FeedForward feedForward) {
        return new LayerSpec(
                Optional.of(mixerNorm),
                mixer,
                Residual.plain(),
                Optional.of(feedForwardNorm),
                feedForward,
                Residual.plain());
    }

    /** Both read one norm ({@link Wiring.ParallelBlock}). */
    public static LayerSpec sideBySide(Norm norm, Mixer mixer, FeedForward feedForward) {
        return new LayerSpec(
                Optional.of(norm), mixer, Residual.plain(), Optional.empty(), feedForward, Residual.plain());
    }

    /** Whether both modules may read one norm, and their outputs be added before they are summed. */
    boolean canStandSideBySide() {
        return mixerNorm.isPresent()
                && feedForwardNorm.isEmpty()
                && mixerResidual.norm().isEmpty()
                && mixerResidual.equals(feedForwardResidual);
    }

    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>();
        mixerNorm.ifPresent(parameters::add);
        parameters.addAll(mixer.parameters());
        mixerResidual.norm().ifPresent(parameters::add);
        feedForwardNorm.ifPresent(parameters::add);
        parameters.addAll(feedForward.parameters());
        feedForwardResidual.norm().ifPresent(parameters::add);
        return parameters;
    }

    /** Its sizes, for people. */
    public String shape() {
        return mixer.shape() + ", " + feedForward.shape();
    }

    /** What sets it apart, for people. */
    public Set<String> traits() {
        Set<String> traits = new LinkedHashSet<>();
        Stream.of(mixerNorm, mixerResidual.norm(), feedForwardNorm, feedForwardResidual.norm())
                .flatMap(Optional::stream)
                .forEach(norm -> traits.add(norm.kind().label()));
        traits.addAll(feedForward.traits());
        traits.addAll(mixer.traits());
        return traits;
    }

    /** The part of a layer that lets tokens see one another. */
    public sealed interface Mixer permits Attention, GatedDeltaNet, GatedLinearAttention, Mamba2 {
        List<Parameter> parameters();

        /** Its sizes, for people: {@code 32 heads (8 KV) of 128}. */
        String shape();

        /** What sets it apart, for people. */
        List<String> traits();

        /** What one token leaves in the cache of one track, in elements. */
        default long cachedElementsPerToken() {
            return 0;
        }

        /**
         * What one sequence keeps of one track, however long it is, in elements.
         *
         * @param ranks which share the track: what several of them have counts once for each
         */
        default long stateElements(int ranks) {
            return 0;
        }
    }

    /** The part of a layer that sees one token at a time. */
    public sealed interface FeedForward permits Mlp, MixtureOfExperts {
        List<Parameter> parameters();

        /** How many of its parameters one token does not meet. */
        default long idleParameters() {
            return 0;
        }

        /** Its sizes, for people: {@code MLP 14336}. */
        String shape();

        /** What sets it apart, for people. */
        List<String> traits();
    }

    /**
     * What happens to a module's output, summed over ranks, before it is added to the residual stream: {@code multiplier * norm(y)}.
     *
     * @param norm a norm after the module (Gemma 3, OLMo 3)
     * @param multiplier 1 for most families (Granite)
     */
    public record Residual(Optional<Norm> norm, double multiplier) {
        /** The output as it is. */
        public static Residual plain() {
            return new Residual(Optional.empty(), 1);
        }

        public static Residual normed(Norm norm) {
            return new Residual(Optional.of(norm), 1);
        }

        public static Residual times(double multiplier) {
            return new Residual(Optional.empty(), multiplier);
        }

        /** Whether nothing happens. */
        public boolean isPlain() {
            return norm.isEmpty() && multiplier == 1;
        }
    }
}
