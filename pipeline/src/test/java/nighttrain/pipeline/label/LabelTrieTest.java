package nighttrain.pipeline.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.pipeline.row.RowRequest.Continuation;
import nighttrain.pipeline.testing.FakeScript;
import org.junit.jupiter.api.Test;

class LabelTrieTest {
    @Test
    void labelsOfOneTokenAreOneRequestWithNothingBehindThePrompt() {
        LabelTrie trie = LabelTrie.of(List.of(List.of(7), List.of(5), List.of(9)));
        assertThat(trie.requests())
                .containsExactly(
                        new Continuation(List.of(), List.of(new Score(0, 5), new Score(0, 7), new Score(0, 9))));
        assertThat(trie.logprobs(List.of(-1f, -2f, -3f))).containsExactly(-2, -1, -3);
    }

    @Test
    void aRequestForEachWayThatGoesOn() {
        // 1-2-3, 1-2-4 and 1 share a path; 1-5-6 branches off; 8 needs no path of its own.
        LabelTrie trie =
                LabelTrie.of(List.of(List.of(1, 2, 3), List.of(1, 2, 4), List.of(1), List.of(1, 5, 6), List.of(8)));
        assertThat(trie.requests())
                .containsExactly(
                        new Continuation(
                                List.of(1, 2),
                                List.of(
                                        new Score(0, 1),
                                        new Score(0, 8),
                                        new Score(1, 2),
                                        new Score(1, 5),
                                        new Score(2, 3),
                                        new Score(2, 4))),
                        new Continuation(List.of(1, 5), List.of(new Score(2, 6))));
        assertThat(trie.scores()).isEqualTo(7);
        assertThat(trie.mostTokens()).isEqualTo(3);
    }

    @Test
    void everyEdgeIsScoredOnceAndTheSumsAreThoseOfTheTokens() {
        Random random = new Random(3);
        int[] prompt = {40, 41};
        for (int round = 0; round < 300; round++) {
            Set<List<Integer>> distinct = new HashSet<>();
            for (int i = 0; i < 1 + random.nextInt(12); i++) {
                distinct.add(random.ints(1 + random.nextInt(4), 0, 3).boxed().toList());
            }
            List<List<Integer>> answers = List.copyOf(distinct);
            LabelTrie trie = LabelTrie.of(answers);
            List<Float> scores = new ArrayList<>();
            Set<List<Integer>> edges = new HashSet<>();
            for (Continuation request : trie.requests()) {
                int before = 0;
                for (Score score : request.scores()) {
                    assertThat(score.position())
                            .isBetween(before, request.tokens().size());
                    before = score.position();
                    List<Integer> way = new ArrayList<>(request.tokens().subList(0, score.position()));
                    scores.add(FakeScript.logprob(after(prompt, way), score.token()));
                    way.add(score.token());
                    assertThat(edges.add(way)).as("scored once").isTrue();
                }
            }
            double[] logprobs = trie.logprobs(scores);
            for (int i = 0; i < answers.size(); i++) {
                double sum = 0;
                for (int n = 0; n < answers.get(i).size(); n++) {
                    sum += FakeScript.logprob(
                            after(prompt, answers.get(i).subList(0, n)),
                            answers.get(i).get(n));
                }
                assertThat(logprobs[i]).isCloseTo(sum, within(1e-12));
            }
        }
    }

    private static int[] after(int[] prompt, List<Integer> more) {
        List<Integer> all = new ArrayList<>(List.of(prompt[0], prompt[1]));
        all.addAll(more);
        return all.stream().mapToInt(Integer::intValue).toArray();
    }
}
