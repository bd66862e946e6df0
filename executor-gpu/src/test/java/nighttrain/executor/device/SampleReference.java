package nighttrain.executor.device;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.SampleRequest;

/** Computes in float64 what sampling from one row of logits must give. */
final class SampleReference {
    private SampleReference() {}

    /** Applies penalties as Hugging Face's processors do: divides or multiplies logits of all seen tokens, lowers those of output tokens. */
    static double[] penalised(float[] logits, SampleRequest sample) {
        double[] out = Formulas.wide(logits);
        Map<Integer, Integer> outputCounts = new HashMap<>();
        for (int i = 0; i < sample.length(); i++) {
            outputCounts.merge(sample.history()[i], i < sample.promptLength() ? 0 : 1, Integer::sum);
        }
        SamplingParams sampling = sample.sampling();
        outputCounts.forEach((token, count) -> {
            double repetition = sampling.penalties().repetition();
            out[token] = out[token] > 0 ? out[token] / repetition : out[token] * repetition;
            out[token] -= count == 0
                    ? 0
                    : sampling.penalties().presence()
                            + count * sampling.penalties().frequency();
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

    /** Returns token ids, the most likely first; among equal values the lower id comes first. */
    static int[] ranked(double[] values) {
        return IntStream.range(0, values.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -values[i]).thenComparingInt(i -> i))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /**
     * Returns the tokens that the filters keep. They apply in turn, as transformers' warpers do, each on the softmax of the tokens left: the k
     * most likely; the most likely of these until their probabilities reach p; those with at least min-p times the probability of the most
     * likely token. Among equal tokens the lower ids are kept. {@code slack} widens the last two filters.
     */
    static Set<Integer> kept(double[] logits, SamplingParams sampling, double slack) {
        double[] left = logits.clone();
        int[] ranked = ranked(left);
        for (int i = sampling.filter().topK();
                i < ranked.length && sampling.filter().topK() > 0;
                i++) {
            left[ranked[i]] = Double.NEGATIVE_INFINITY;
        }
        double[] afterTopK = softmax(left, sampling.temperature());
        double before = 0;
        for (int token : ranked) {
            if (before >= sampling.filter().topP() + slack && sampling.filter().topP() < 1) {
                left[token] = Double.NEGATIVE_INFINITY;
            }
            before += afterTopK[token];
        }
        double[] afterTopP = softmax(left, sampling.temperature());
        double least = (sampling.filter().minP() - slack) * afterTopP[ranked[0]];
        return IntStream.range(0, left.length)
                .filter(token -> left[token] > Double.NEGATIVE_INFINITY && afterTopP[token] >= least)
                .boxed()
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
