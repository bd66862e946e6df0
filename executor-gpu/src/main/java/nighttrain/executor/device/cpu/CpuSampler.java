package nighttrain.executor.device.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.Generation.TokenLogprobs.Candidate;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * Samples a token from one row of logits: mask, penalties, temperature, top-k, top-p, min-p, in this order (that of Hugging Face's logits processors,
 * each applied to the result of the one before), then the inverse of the cumulative distribution at {@link SampleRequest#uniform}. Ties go to the
 * lower token id, at the cut-offs of top-k and top-p, too. Uses StrictMath, whose bits no compiler changes. A row that is not finite has no token.
 */
final class CpuSampler {
    private static final Comparator<Candidate> BEST_FIRST =
            Comparator.comparingDouble((Candidate c) -> -c.logprob()).thenComparingInt(Candidate::token);

    private CpuSampler() {}

    static SampledToken sample(SampleRequest sample, float[] logits, int start, int vocabulary) {
        Optional<LogitFault> fault = fault(logits, start, vocabulary);
        if (fault.isPresent()) {
            return SampledToken.failed(fault.get());
        }
        SamplingParams sampling = sample.sampling();
        if (sample.given() != SampleRequest.NONE) {
            return new SampledToken(
                    sample.given(), Optional.of(logprobs(copy(logits, start, vocabulary), sample.given(), sampling)));
        }
        boolean before =
                sample.mask().isPresent() && sample.mask().get().constraint().logprobsBefore();
        float[] raw = before && sampling.logprobs() >= 0 ? copy(logits, start, vocabulary) : new float[0];
        sample.mask().ifPresent(mask -> mask(mask, sampling.ignoreEos(), logits, start, vocabulary));
        if (!before && sampling.logprobs() >= 0) {
            raw = copy(logits, start, vocabulary);
        }
        if (sampling.hasPenalties()) {
            penalise(sample, logits, start);
        }
        if (sampling.hasPenalties() || sample.mask().isPresent()) {
            // All allowed tokens may have logits of -inf, and a penalty may have multiplied a finite logit past the
            // largest float.
            fault = fault(logits, start, vocabulary);
            if (fault.isPresent()) {
                return SampledToken.failed(fault.get());
            }
        }
        int token = sampling.isGreedy()
                ? likeliest(logits, start, vocabulary)
                : sample(sampling, sample.uniform(), logits, start, vocabulary);
        return new SampledToken(
                token, sampling.logprobs() >= 0 ? Optional.of(logprobs(raw, token, sampling)) : Optional.empty());
    }

    private static Optional<LogitFault> fault(float[] logits, int start, int vocabulary) {
        float max = Float.NEGATIVE_INFINITY;
        for (int i = start; i < start + vocabulary; i++) {
            float logit = logits[i];
            if (Float.isNaN(logit)) {
                return Optional.of(LogitFault.NAN);
            }
            if (logit > max) {
                max = logit;
            }
        }
        if (max == Float.POSITIVE_INFINITY) {
            return Optional.of(LogitFault.POSITIVE_INFINITY);
        }
        return max == Float.NEGATIVE_INFINITY ? Optional.of(LogitFault.ALL_NEGATIVE_INFINITY) : Optional.empty();
    }

    /** Masks tokens that are not allowed. Tokens past the automaton's vocabulary, which pad the model's, are never allowed. */
    private static void mask(SampleMask mask, boolean ignoreEnd, float[] logits, int start, int vocabulary) {
        TokenAutomaton automaton = mask.constraint().automaton();
        boolean[] allowed = SampleMask.allowed(automaton, mask.state(), mask.remaining(), ignoreEnd);
        int[] classOf = automaton.classOf();
        int known = Math.min(classOf.length, vocabulary);
        for (int token = 0; token < known; token++) {
            if (!allowed[classOf[token]]) {
                logits[start + token] = Float.NEGATIVE_INFINITY;
            }
        }
        Arrays.fill(logits, start + known, start + vocabulary, Float.NEGATIVE_INFINITY);
    }

    private static float[] copy(float[] logits, int start, int vocabulary) {
        float[] copy = new float[vocabulary];
        System.arraycopy(logits, start, copy, 0, vocabulary);
        return copy;
    }

    private static int likeliest(float[] logits, int start, int vocabulary) {
        int best = 0;
        for (int token = 1; token < vocabulary; token++) {
            if (logits[start + token] > logits[start + best]) {
                best = token;
            }
        }
        return best;
    }

    private static void penalise(SampleRequest sample, float[] logits, int start) {
        SamplingParams sampling = sample.sampling();
        Map<Integer, Integer> outputCounts = new HashMap<>();
        for (int i = 0; i < sample.length(); i++) {
            outputCounts.merge(sample.history()[i], i < sample.promptLength() ? 0 : 1, Integer::sum);
        }
        outputCounts.forEach((token, count) -> {
            float logit = logits[start + token];
            logit = (float)
                    (logit > 0
                            ? logit / sampling.penalties().repetition()
                            : logit * sampling.penalties().repetition());
            if (count > 0) {
                logit -= (float) (sampling.penalties().presence()
                        + count * sampling.penalties().frequency());
            }
            logits[start + token] = logit;
        });
    }

    private static int sample(SamplingParams sampling, double uniform, float[] logits, int start, int vocabulary) {
        double max = logits[start + likeliest(logits, start, vocabulary)];
        double[] weights = new double[vocabulary];
        double total = 0;
        for (int token = 0; token < vocabulary; token++) {
            weights[token] = StrictMath.exp((logits[start + token] - max) / sampling.temperature());
            total += weights[token];
        }
        if (sampling.filter().topK() == 0
                && sampling.filter().topP() == 1
                && sampling.filter().minP() == 0) {
            return inverseCumulative(weights, uniform * total);
        }
        return sampleFrom(kept(weights, total, sampling), uniform);
    }

    private static int inverseCumulative(double[] weights, double target) {
        double cumulated = 0;
        int last = 0;
        for (int token = 0; token < weights.length; token++) {
            if (weights[token] > 0) {
                cumulated += weights[token];
                last = token;
                if (cumulated > target) {
                    break;
                }
            }
        }
        return last;
    }

    private record Weighted(int token, double weight) {
        static final Comparator<Weighted> HEAVIEST_FIRST =
                Comparator.comparingDouble((Weighted w) -> -w.weight).thenComparingInt(Weighted::token);
    }

    /** Returns the tokens that the filters keep, heaviest first. The most likely token weighs 1. */
    private static List<Weighted> kept(double[] weights, double total, SamplingParams sampling) {
        // Tokens lighter than the first bound weigh less than 1 - p together, so none of them can be in the nucleus.
        // With top-k the nucleus is taken from fewer tokens, whose mass is not known yet.
        double least = sampling.filter().topK() == 0
                ? Math.max(
                        (1 - sampling.filter().topP()) * total / weights.length,
                        sampling.filter().minP())
                : 0;
        List<Weighted> candidates = new ArrayList<>();
        for (int token = 0; token < weights.length; token++) {
            if (weights[token] >= least && weights[token] > 0) {
                candidates.add(new Weighted(token, weights[token]));
            }
        }
        candidates.sort(Weighted.HEAVIEST_FIRST);
        if (sampling.filter().topK() > 0 && sampling.filter().topK() < candidates.size()) {
            candidates = candidates.subList(0, sampling.filter().topK());
        }
        return likelyEnough(
                nucleus(candidates, sampling, total), sampling.filter().minP());
    }

    private static List<Weighted> nucleus(List<Weighted> candidates, SamplingParams sampling, double total) {
        double mass = sampling.filter().topK() == 0
                ? total
                : candidates.stream().mapToDouble(Weighted::weight).sum();
        double cumulated = 0;
        for (int i = 0; i < candidates.size() && sampling.filter().topP() < 1; i++) {
            cumulated += candidates.get(i).weight();
            if (cumulated >= sampling.filter().topP() * mass) {
                return candidates.subList(0, i + 1);
            }
        }
        return candidates;
    }

    /** Returns the tokens that min-p keeps. It is applied after top-p, whose mass does not depend on it. */
    private static List<Weighted> likelyEnough(List<Weighted> nucleus, double minP) {
        int count = nucleus.size();
        while (nucleus.get(count - 1).weight() < minP) { // the first token weighs 1
            count--;
        }
        return nucleus.subList(0, count);
    }

    private static int sampleFrom(List<Weighted> kept, double uniform) {
        double target = uniform * kept.stream().mapToDouble(Weighted::weight).sum();
        double cumulated = 0;
        for (Weighted candidate : kept) {
            cumulated += candidate.weight();
            if (cumulated > target) {
                return candidate.token();
            }
        }
        return kept.get(kept.size() - 1).token();
    }

    private static TokenLogprobs logprobs(float[] logits, int token, SamplingParams sampling) {
        double max = logits[likeliest(logits, 0, logits.length)];
        double sum = 0;
        for (float logit : logits) {
            sum += StrictMath.exp(logit - max);
        }
        double logSum = max + StrictMath.log(sum);
        PriorityQueue<Candidate> best = new PriorityQueue<>(BEST_FIRST.reversed());
        for (int t = 0; t < logits.length && sampling.logprobs() > 0; t++) {
            if (logits[t] == Float.NEGATIVE_INFINITY) {
                continue; // it cannot be sampled
            }
            best.add(new Candidate(t, (float) (logits[t] - logSum)));
            if (best.size() > sampling.logprobs()) {
                best.poll();
            }
        }
        List<Candidate> likeliest = best.stream().sorted(BEST_FIRST).toList();
        return new TokenLogprobs(token, (float) (logits[token] - logSum), likeliest);
    }
}
