package nighttrain.executor.device;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.request.SamplingParams;

/** What drawing from one row of logits should come to, in float64. */
final class DrawReference {
    private DrawReference() {}

    /** As Hugging Face's processors: divided or multiplied where seen at all, lowered where in the output. */
    static double[] penalised(float[] logits, Draw draw) {
        double[] out = Formulas.wide(logits);
        Map<Integer, Integer> outputCounts = new HashMap<>();
        for (int i = 0; i < draw.length(); i++) {
            outputCounts.merge(draw.history()[i], i < draw.promptLength() ? 0 : 1, Integer::sum);
        }
        SamplingParams sampling = draw.sampling();
        outputCounts.forEach((token, count) -> {
            double repetition = sampling.repetitionPenalty();
            out[token] = out[token] > 0 ? out[token] / repetition : out[token] * repetition;
            out[token] -= count == 0 ? 0 : sampling.presencePenalty() + count * sampling.frequencyPenalty();
        });
        return out;
    }

    static double[] softmax(double[] logits, double temperature) {
        double max = Arrays.stream(logits).max().orElseThrow();
        double[] weights = Arrays.stream(logits)
                .map(x -> Math.exp((x - max) / temperature))
                .toArray();
        double sum = Arrays.stream(weights).sum();
        return Arrays.stream(weights).map(w -> w / sum).toArray();
    }

    static double[] logprobs(float[] logits) {
        return Arrays.stream(softmax(Formulas.wide(logits), 1)).map(Math::log).toArray();
    }

    /** Token ids, likeliest first, the lower of equals first. */
    static int[] ranked(double[] values) {
        return IntStream.range(0, values.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -values[i]).thenComparingInt(i -> i))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The tokens that top-k, then top-p of what is left, then min-p keep; {@code slack} widens the last two. */
    static Set<Integer> kept(double[] probabilities, SamplingParams sampling, double slack) {
        int[] ranked = ranked(probabilities);
        int k = sampling.topK() == 0 ? ranked.length : Math.min(sampling.topK(), ranked.length);
        double mass =
                Arrays.stream(ranked, 0, k).mapToDouble(i -> probabilities[i]).sum();
        Set<Integer> kept = new LinkedHashSet<>();
        double before = 0;
        for (int i = 0; i < k && before < (sampling.topP() + slack) * mass; i++) {
            if (probabilities[ranked[i]] >= (sampling.minP() - slack) * probabilities[ranked[0]]) {
                kept.add(ranked[i]);
            }
            before += probabilities[ranked[i]];
        }
        return kept;
    }
}
