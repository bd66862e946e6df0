package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.spec.Parameter.Norm;

/**
 * One layer: a mixer and a feed-forward, each with its norms and its residual.
 *
 * @param mixerNorm norm of the residual stream before the mixer; none where the mixer reads the stream itself
 * @param mixerResidual what is applied to the mixer's output before it is added to the stream
 * @param feedForwardNorm like {@code mixerNorm}; none in a parallel block, whose feed-forward reads what the mixer reads
 * @param feedForwardResidual like {@code mixerResidual}
 */
public record LayerSpec(
        Optional<Norm> mixerNorm,
        Mixer mixer,
        Residual mixerResidual,
        Optional<Norm> feedForwardNorm,
        FeedForward feedForward,
        Residual feedForwardResidual) {
    /** Returns a layer with a norm before each module and none after: the layer of most families. */
    public static LayerSpec preNorm(Norm mixerNorm, Mixer mixer, Norm feedForwardNorm, FeedForward feedForward) {
        return new LayerSpec(
                Optional.of(mixerNorm),
                mixer,
                Residual.plain(),
                Optional.of(feedForwardNorm),
                feedForward,
                Residual.plain());
    }

    /** Returns a layer whose modules both read one norm ({@link Wiring.ParallelBlock}). */
    public static LayerSpec sideBySide(Norm norm, Mixer mixer, FeedForward feedForward) {
        return new LayerSpec(
                Optional.of(norm), mixer, Residual.plain(), Optional.empty(), feedForward, Residual.plain());
    }

    /** Whether both modules may read one norm, and their outputs be added before the all-reduce. */
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

    /** The sizes of the layer, for people. */
    public String shape() {
        return mixer.shape() + ", " + feedForward.shape();
    }

    /** The distinctive parts of the layer, for people. */
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

        /** The sizes of the mixer, for people: {@code 32 heads (8 KV) of 128}. */
        String shape();

        /** The distinctive parts of the mixer, for people. */
        List<String> traits();

        /** Returns what one token leaves in the cache of one track, in elements. */
        default long cachedElementsPerToken() {
            return 0;
        }

        /**
         * Returns what one sequence keeps in one track, whatever its length, in elements.
         *
         * @param ranks ranks that share the track; a part held by several of them counts once for each
         */
        default long stateElements(int ranks) {
            return 0;
        }
    }

    /** The part of a layer that sees one token at a time. */
    public sealed interface FeedForward permits Mlp, MixtureOfExperts {
        List<Parameter> parameters();

        /** Returns the number of parameters that one token does not use. */
        default long idleParameters() {
            return 0;
        }

        /** The sizes of the feed-forward, for people: {@code MLP 14336}. */
        String shape();

        /** The distinctive parts of the feed-forward, for people. */
        List<String> traits();
    }

    /**
     * The operation on a module's output, summed over ranks, before it is added to the residual stream: {@code multiplier * norm(y)}.
     *
     * @param norm a norm after the module (Gemma 3, OLMo 3)
     * @param multiplier 1 for most families (Granite)
     */
    public record Residual(Optional<Norm> norm, double multiplier) {
        /** Returns the residual that adds the output unchanged. */
        public static Residual plain() {
            return new Residual(Optional.empty(), 1);
        }

        public static Residual normed(Norm norm) {
            return new Residual(Optional.of(norm), 1);
        }

        public static Residual times(double multiplier) {
            return new Residual(Optional.empty(), multiplier);
        }

        /** Whether the output is added unchanged. */
        public boolean isPlain() {
            return norm.isEmpty() && multiplier == 1;
        }
    }
}
