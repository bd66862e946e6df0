package nighttrain.executor.device.cpu;

import java.util.Arrays;
import nighttrain.executor.device.ExpertOps.Choice;
import nighttrain.executor.device.ExpertOps.Load;
import nighttrain.executor.device.ExpertOps.Routing;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Router.Groups;
import nighttrain.io.spec.MixtureOfExperts.Router.Score;

/** The experts that all tokens of a step choose, and the resulting order of the gathered tokens. */
final class CpuRouting implements Routing {
    /** Added to sums of scores, so that weights stay finite if all scores are 0 (DeepSeek V3). */
    private static final float LEAST_SUM = 1e-20f;

    /** Stands for a row whose expert is on another rank. */
    static final int ELSEWHERE = -1;

    private final int tokens;
    private final int chosen;
    private final int experts;
    private final int[] expert;
    private final float[] weight;
    private final int[] rows;
    private final int[][] starts;
    private final int[][] tokenOf;
    private long busiest;

    private CpuRouting(int tracks, int tokens, int chosen, int experts) {
        this.tokens = tokens;
        this.chosen = chosen;
        this.experts = experts;
        this.expert = new int[tracks * tokens * chosen];
        this.weight = new float[expert.length];
        this.rows = new int[expert.length];
        this.starts = new int[tracks][experts + 1];
        this.tokenOf = new int[tracks][];
    }

    static CpuRouting of(CpuTensor logits, Choice choice, ThreadTeam team) {
        CpuRouting routing =
                new CpuRouting(logits.tracks(), logits.rows(), choice.router().chosen(), choice.experts());
        int grain = ThreadTeam.grain(logits.cols() * choice.router().chosen());
        team.runRanges(logits.tracks() * logits.rows(), grain, 1, (from, to) -> {
            Chooser chooser = new Chooser(choice, logits.cols());
            for (int i = from; i < to; i++) {
                chooser.choose(logits, i / logits.rows(), i % logits.rows(), routing, i * routing.chosen);
            }
        });
        for (int track = 0; track < logits.tracks(); track++) {
            routing.busiest += routing.busiest(track, logits.cols());
            routing.gather(track, choice.firstExpert());
        }
        return routing;
    }

    /** Returns the tokens of a track's busiest expert times {@code all} experts. */
    private long busiest(int track, int all) {
        int first = track * tokens * chosen;
        long[] counts = new long[all];
        for (int i = first; i < first + tokens * chosen; i++) {
            counts[expert[i]]++;
        }
        return all * Arrays.stream(counts).max().orElse(0);
    }

    /** Returns how evenly all tokens are spread over all ranks' experts. */
    Load load() {
        return new Load(expert.length, busiest);
    }

    /** Counts a track's tokens by expert, then gives every choice its row. */
    private void gather(int track, int firstExpert) {
        int first = track * tokens * chosen;
        int[] start = starts[track];
        for (int i = first; i < first + tokens * chosen; i++) {
            int local = expert[i] - firstExpert;
            expert[i] = local >= 0 && local < experts ? local : ELSEWHERE;
            if (expert[i] != ELSEWHERE) {
                start[expert[i] + 1]++;
            }
        }
        for (int e = 0; e < experts; e++) {
            start[e + 1] += start[e];
        }
        int[] next = start.clone();
        tokenOf[track] = new int[start[experts]];
        for (int i = first; i < first + tokens * chosen; i++) {
            rows[i] = expert[i] == ELSEWHERE ? ELSEWHERE : next[expert[i]]++;
            if (rows[i] != ELSEWHERE) {
                tokenOf[track][rows[i]] = (i - first) / chosen;
            }
        }
    }

    /** Experts that a token chooses. */
    int chosen() {
        return chosen;
    }

    /** Experts of this rank. */
    int experts() {
        return experts;
    }

    /** Gathered rows of a track. */
    int rows(int track) {
        return tokenOf[track].length;
    }

    /** Returns the first row of an expert; for the number after the last expert, the end of the rows. */
    int start(int track, int localExpert) {
        return starts[track][localExpert];
    }

    /** Returns the token of a gathered row. */
    int token(int track, int row) {
        return tokenOf[track][row];
    }

    /** The row of a token's choice, or {@link #ELSEWHERE}. */
    int row(int track, int token, int choice) {
        return rows[(track * tokens + token) * chosen + choice];
    }

    float weight(int track, int token, int choice) {
        return weight[(track * tokens + token) * chosen + choice];
    }

    /** Chooses the experts of one token after another. */
    private static final class Chooser {
        private final Router router;
        private final Choice choice;
        private final float[] scores;
        private final float[] preferences;
        private final boolean[] taken;

        Chooser(Choice choice, int experts) {
            this.router = choice.router();
            this.choice = choice;
            this.scores = new float[experts];
            this.preferences = new float[experts];
            this.taken = new boolean[experts];
        }

        void choose(CpuTensor logits, int track, int token, CpuRouting into, int at) {
            System.arraycopy(logits.data(), logits.row(track, token), scores, 0, scores.length);
            if (router.logitCap() > 0) {
                InnerLoops.CHOSEN.softCap(scores, 0, scores.length, (float) router.logitCap());
            }
            if (router.score() == Score.SIGMOID) {
                for (int e = 0; e < scores.length; e++) {
                    scores[e] = 1f / (Exponential.of(-scores[e]) + 1f);
                }
            }
            prefer(track);
            Arrays.fill(taken, false);
            router.groups().ifPresent(this::leaveOut);
            for (int c = 0; c < into.chosen; c++) {
                int best = best(0, scores.length);
                taken[best] = true;
                into.expert[at + c] = best;
            }
            weigh(into, at, track);
        }

        /** Computes the values by which experts are chosen. Softmax keeps the order of its logits, so the logits serve. */
        private void prefer(int track) {
            System.arraycopy(scores, 0, preferences, 0, scores.length);
            if (choice.correction().isPresent()) {
                CpuTensor correction = (CpuTensor) choice.correction().get();
                for (int e = 0; e < preferences.length; e++) {
                    preferences[e] += correction.data()[correction.row(track, 0) + e];
                }
            }
        }

        /** Returns the first of the best experts that are not taken. It also returns one if values are NaN, which spoils only their own token. */
        private int best(int from, int to) {
            int best = -1;
            for (int e = from; e < to; e++) {
                if (!taken[e] && (best < 0 || preferences[e] > preferences[best])) {
                    best = e;
                }
            }
            return best;
        }

        private void leaveOut(Groups groups) {
            int size = scores.length / groups.count();
            float[] sums = new float[groups.count()];
            for (int g = 0; g < sums.length; g++) {
                int first = best(g * size, (g + 1) * size);
                taken[first] = true;
                sums[g] = preferences[first] + (size > 1 ? preferences[best(g * size, (g + 1) * size)] : 0);
            }
            Arrays.fill(taken, true);
            boolean[] kept = new boolean[sums.length];
            for (int c = 0; c < groups.chosen(); c++) {
                int best = -1;
                for (int g = 0; g < sums.length; g++) {
                    if (!kept[g] && (best < 0 || sums[g] > sums[best])) {
                        best = g;
                    }
                }
                kept[best] = true;
                Arrays.fill(taken, best * size, (best + 1) * size, false);
            }
        }

        private void weigh(CpuRouting into, int at, int track) {
            for (int c = at; c < at + into.chosen; c++) {
                into.weight[c] = scores[into.expert[c]];
            }
            if (router.score() != Score.SIGMOID) {
                softmax(into, at);
            }
            float factor = (float) router.scaling();
            if (router.renormalized()) {
                float sum = LEAST_SUM;
                for (int c = at; c < at + into.chosen; c++) {
                    sum += into.weight[c];
                }
                factor /= sum;
            }
            for (int c = at; c < at + into.chosen; c++) {
                into.weight[c] *= factor;
                if (choice.expertScales().isPresent()) {
                    CpuTensor scales = (CpuTensor) choice.expertScales().get();
                    into.weight[c] *= scales.data()[scales.row(track, 0) + into.expert[c]];
                }
            }
        }

        /** Softmax over all experts, or over the chosen ones. The first chosen one has the largest logit if there is no correction. */
        private void softmax(CpuRouting into, int at) {
            float max = Float.NEGATIVE_INFINITY;
            for (float score : scores) {
                max = Math.max(max, score);
            }
            float sum = 0;
            if (router.score() == Score.SOFTMAX) {
                for (float score : scores) {
                    sum += Exponential.of(score - max);
                }
            }
            for (int c = at; c < at + into.chosen; c++) {
                into.weight[c] = Exponential.of(into.weight[c] - max);
                sum += router.score() == Score.SOFTMAX ? 0 : into.weight[c];
            }
            for (int c = at; c < at + into.chosen; c++) {
                into.weight[c] /= sum;
            }
        }
    }
}
