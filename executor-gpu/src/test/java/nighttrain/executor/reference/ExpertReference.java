package nighttrain.executor.reference;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Router.Groups;
import nighttrain.io.spec.MixtureOfExperts.Router.Score;
import nighttrain.io.spec.Mlp;

/** Computes a token's experts from the papers' equations in float64, one token at a time, without gathering. */
public final class ExpertReference {
    private ExpertReference() {}

    /** An expert and the factor of its output. */
    public record Weighted(int expert, double weight) {}

    /** Returns the chosen experts in order of choice. */
    public static List<Weighted> choose(
            Router router, double[] logits, Optional<float[]> correction, Optional<float[]> scales) {
        double[] scores = new double[logits.length];
        for (int e = 0; e < scores.length; e++) {
            double logit =
                    router.logitCap() > 0 ? router.logitCap() * Math.tanh(logits[e] / router.logitCap()) : logits[e];
            scores[e] = router.score() == Score.SIGMOID ? 1 / (1 + Math.exp(-logit)) : logit;
        }
        double[] preferences = scores.clone();
        for (int e = 0; e < scores.length && correction.isPresent(); e++) {
            preferences[e] += correction.get()[e];
        }
        List<Integer> chosen = best(preferences, allowed(router, preferences)).subList(0, router.chosen());
        double[] weights = weights(router, scores, chosen);
        double sum = 0;
        for (int e : chosen) {
            sum += weights[e];
        }
        List<Weighted> weighted = new ArrayList<>();
        for (int e : chosen) {
            double weight = router.renormalized() ? weights[e] / (sum + 1e-20) : weights[e];
            int of = e;
            weighted.add(new Weighted(
                    e, weight * router.scaling() * scales.map(s -> s[of]).orElse(1f)));
        }
        return weighted;
    }

    /** Returns indices sorted by decreasing value; equal values keep their order. */
    private static List<Integer> best(double[] values, List<Integer> of) {
        return of.stream()
                .sorted(Comparator.comparingDouble((Integer i) -> -values[i]).thenComparing(Comparator.naturalOrder()))
                .toList();
    }

    private static List<Integer> allowed(Router router, double[] preferences) {
        List<Integer> all = IntStream.range(0, preferences.length).boxed().toList();
        if (router.groups().isEmpty()) {
            return all;
        }
        Groups groups = router.groups().get();
        int size = preferences.length / groups.count();
        double[] sums = new double[groups.count()];
        for (int g = 0; g < sums.length; g++) {
            for (int e :
                    best(preferences, all.subList(g * size, (g + 1) * size)).subList(0, Math.min(2, size))) {
                sums[g] += preferences[e];
            }
        }
        List<Integer> kept =
                best(sums, IntStream.range(0, sums.length).boxed().toList()).subList(0, groups.chosen());
        return all.stream().filter(e -> kept.contains(e / size)).toList();
    }

    private static double[] weights(Router router, double[] scores, List<Integer> chosen) {
        if (router.score() == Score.SIGMOID) {
            return scores;
        }
        double max = IntStream.range(0, scores.length)
                .mapToDouble(e -> scores[e])
                .max()
                .orElseThrow();
        double sum = 0;
        for (int e = 0; e < scores.length; e++) {
            if (router.score() == Score.SOFTMAX || chosen.contains(e)) {
                sum += Math.exp(scores[e] - max);
            }
        }
        double[] weights = new double[scores.length];
        for (int e = 0; e < weights.length; e++) {
            weights[e] = Math.exp(scores[e] - max) / sum;
        }
        return weights;
    }

    /** Applies the activation to gate and up side by side, or to up alone if there is no gate. */
    public static double[] activated(Activation activation, double[] up, boolean gated) {
        int width = gated ? up.length / 2 : up.length;
        double[] out = new double[width];
        for (int i = 0; i < width; i++) {
            if (activation instanceof Activation.ClampedSwiGlu clamped) {
                double gate = Math.min(up[i], clamped.limit());
                double bounded = Math.max(-clamped.limit(), Math.min(clamped.limit(), up[width + i]));
                out[i] = gate / (1 + Math.exp(-clamped.alpha() * gate)) * (bounded + 1);
            } else {
                Mlp.Activation function = ((Activation.Plain) activation).function();
                out[i] = of(function, up[i]) * (gated ? up[width + i] : 1);
            }
        }
        return out;
    }

    private static double of(Mlp.Activation function, double x) {
        return switch (function) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * Math.pow(x, 3))));
            case RELU_SQUARED -> Math.pow(Math.max(x, 0), 2);
        };
    }

    /** Returns {@code W x + b}, where W and b start at row {@code firstRow}. */
    public static double[] linear(double[] x, float[] weights, float[] bias, int firstRow, int outputs) {
        double[] out = new double[outputs];
        for (int o = 0; o < outputs; o++) {
            out[o] = bias[firstRow + o];
            for (int i = 0; i < x.length; i++) {
                out[o] += x[i] * weights[(firstRow + o) * x.length + i];
            }
        }
        return out;
    }
}
