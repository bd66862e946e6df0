package nighttrain.jobs.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import nighttrain.jobs.bench.Workload.RandomPrompts;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import org.junit.jupiter.api.Test;

class RandomPromptsTest {
    private static final int VOCABULARY = 100;

    @Test
    void noneBeginsAsAnotherOfAnyRound() {
        RandomPrompts prompts = new RandomPrompts(VOCABULARY, 7);
        Set<Integer> firstTokens = new HashSet<>();

        for (int round = 0; round < 5; round++) {
            prompts.of(new RandomWorkload(20, 8, 0, 1, 0, 7)).forEach(prompt -> firstTokens.add(prompt[0]));
        }

        assertThat(firstTokens).hasSize(VOCABULARY);
    }

    @Test
    void twoTokensTellThemApartWhereTheVocabularyIsUsedUp() {
        Set<List<Integer>> beginnings = new HashSet<>();

        for (int[] prompt : new RandomPrompts(VOCABULARY, -1).of(new RandomWorkload(1_000, 2, 0, 1, 0, -1))) {
            assertThat(prompt).hasSize(2);
            beginnings.add(List.of(prompt[0], prompt[1]));
        }

        assertThat(beginnings).hasSize(1_000);
    }

    @Test
    void lengthsFillTheirRangeAndAreTheSameEveryRound() {
        RandomWorkload workload = new RandomWorkload(500, 10, 0.5, 1, 0, 3);
        RandomPrompts prompts = new RandomPrompts(VOCABULARY, 3);

        List<Integer> lengths = lengths(prompts.of(workload));

        assertThat(new HashSet<>(lengths)).containsExactlyInAnyOrder(5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        assertThat(lengths(prompts.of(workload))).isEqualTo(lengths);
    }

    @Test
    void everyTokenIsOfTheVocabularyAndNearlyAllCome() {
        Set<Integer> tokens = new HashSet<>();
        for (int[] prompt : new RandomPrompts(VOCABULARY, 0).of(new RandomWorkload(20, 100, 0, 1, 0, 0))) {
            Arrays.stream(prompt).forEach(tokens::add);
        }

        assertThat(tokens).allMatch(token -> token >= 0 && token < VOCABULARY).hasSizeGreaterThan(VOCABULARY - 5);
    }

    @Test
    void theSeedDecides() {
        RandomWorkload workload = new RandomWorkload(3, 6, 0, 1, 0, 0);

        int[][] prompts = prompts(1, workload);

        assertThat(prompts(1, workload)).isDeepEqualTo(prompts);
        assertThat(prompts(2, workload)[0]).isNotEqualTo(prompts[0]);
    }

    private static int[][] prompts(long seed, RandomWorkload workload) {
        return new RandomPrompts(VOCABULARY, seed).of(workload).toArray(int[][]::new);
    }

    private static List<Integer> lengths(List<int[]> prompts) {
        List<Integer> lengths = new ArrayList<>();
        prompts.forEach(prompt -> lengths.add(prompt.length));
        return lengths;
    }
}
