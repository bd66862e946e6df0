package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests whole engines with requests that carry constraints or ask for scores. The models have random weights and follow no format by themselves. */
abstract class AbstractConstraintTest {
    static final int VOCABULARY = 96; // vocabulary size of the golden checkpoints
    private static final int END = 0;

    /** Automata; some have fewer tokens than the model. */
    private static final List<Dfa> DFAS = List.of(
            Dfa.lengths(VOCABULARY, 10, 60, 0, 6, END),
            Dfa.lengths(90, 1, 90, 4, 4, END),
            Dfa.choices(
                    VOCABULARY,
                    END,
                    new int[] {5, 6, 7},
                    new int[] {5, 6},
                    new int[] {5, 9, 10, 11, 12, 13},
                    new int[] {80}),
            Dfa.random(new Random(1), 6, VOCABULARY, END),
            Dfa.random(new Random(2), 12, 93, END),
            Dfa.random(new Random(3), 25, VOCABULARY, END));

    private static final List<TokenAutomaton> AUTOMATA =
            DFAS.stream().map(Dfa::automaton).toList();

    private final Backend backend;

    AbstractConstraintTest(Backend backend) {
        this.backend = backend;
    }

    /** Returns how many ranks this machine has room for. */
    abstract int maxRanks();

    private EngineConfig config(int ranks, int sequences, int tokens, int pages) {
        return EngineConfig.on(backend)
                .with(new Layout(1, ranks))
                .with(new StepConfig(sequences, tokens, 0))
                .with(new KvConfig(16, pages, true))
                .withThreads(ranks == 1 ? 2 : 1);
    }

    private static GenerationRequest request(int id, int dfa, SamplingParams sampling) {
        int[] prompt = new Random(id).ints(1 + id % 23, 1, VOCABULARY).toArray();
        return new GenerationRequest(
                id,
                prompt,
                sampling,
                id,
                Set.of(END),
                StopCheck.NEVER,
                dfa < 0 ? Optional.empty() : Optional.of(new TokenConstraint(AUTOMATA.get(dfa), id % 2 == 0)),
                List.of());
    }

    /** Token limits start at the smallest that admits a text; requests vary sampling, filters, penalties, log-probabilities and ignored end tokens. */
    @ParameterizedTest
    @CsvSource({"llama-gqa,1,30", "llama-gqa,2,8", "parallel-track,4,6"})
    void everyTextIsAccepted(String name, int ranks, int requestsOfEach) throws Exception {
        assumeThat(maxRanks()).isGreaterThanOrEqualTo(ranks);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int dfa = 0; dfa < DFAS.size(); dfa++) {
            int fewest = Math.max(1, DFAS.get(dfa).fewest(0));
            for (int i = 0; i < requestsOfEach; i++) {
                SamplingParams sampling = SamplingParams.greedy(fewest + i / 3)
                        .withTemperature(i % 3)
                        .with(new Filter(i % 5 == 1 ? 7 : 0, i % 7 == 2 ? 0.8 : 1, 0))
                        .with(new Penalties(i % 11 == 3 ? 1.4 : 1, 0, 0))
                        .withLogprobs(i % 4 - 1)
                        .withPromptLogprobs(i % 13 == 5)
                        .withIgnoreEos(i % 6 == 4);
                requests.add(request(requests.size(), dfa, sampling));
            }
        }
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config(ranks, 16, 64, 0), checkpoint)) {
            List<Generation> answers = answers(engine, requests);
            for (int i = 0; i < requests.size(); i++) {
                Generation answer = answers.get(i);
                Dfa dfa = DFAS.get(i / requestsOfEach);
                int limit = requests.get(i).sampling().maxTokens();
                assertThat(answer.error()).isEmpty();
                assertThat(dfa.accepts(answer.tokens()))
                        .as("text of request %d: %s", i, Arrays.toString(answer.tokens()))
                        .isTrue();
                assertThat(answer.tokens().length).isLessThanOrEqualTo(limit);
                int state = dfa.stateAfter(answer.tokens());
                if (answer.finishReason() == FinishReason.LENGTH) {
                    assertThat(answer.tokens()).hasSize(limit);
                    assertThat(dfa.goesOn(state, Integer.MAX_VALUE)).isTrue();
                }
                if (requests.get(i).sampling().ignoreEos() && answer.finishReason() == FinishReason.STOP) {
                    int left = limit - answer.tokens().length;
                    assertThat(dfa.goesOn(state, left > 0 ? left : Integer.MAX_VALUE))
                            .as("an ignored end token comes where nothing else may")
                            .isFalse();
                }
                if (requests.get(i).sampling().logprobs() >= 0) {
                    assertThat(answer.logprobs()).hasSize(answer.tokens().length);
                }
            }
            assertThat(answers.stream()
                            .map(answer -> Arrays.toString(answer.tokens()))
                            .distinct())
                    .hasSizeGreaterThan(requests.size() / 4);
            if (ranks == 1) {
                checkRowsWithoutAConstraint(engine);
            }
        }
    }

    /** Checks that unconstrained rows are the same alone and beside constrained rows. */
    private void checkRowsWithoutAConstraint(Engine engine) throws InterruptedException {
        List<GenerationRequest> free = new ArrayList<>();
        List<GenerationRequest> mixed = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            free.add(request(
                    i,
                    -1,
                    SamplingParams.greedy(12)
                            .withTemperature(i % 2)
                            .withLogprobs(exactBits() ? 2 : -1)
                            .withIgnoreEos(true)));
            mixed.add(free.get(i));
            mixed.add(request(
                    1_000 + i,
                    i % DFAS.size(),
                    SamplingParams.greedy(12).withTemperature(i % 2).withLogprobs(2)));
        }
        if (exactBits()) {
            List<Generation> alone = answers(engine, free);
            List<Generation> beside = answers(engine, mixed);
            for (int i = 0; i < free.size(); i++) {
                assertThat(beside.get(i).tokens()).isEqualTo(alone.get(i).tokens());
                assertThat(beside.get(i).logprobs()).isEqualTo(alone.get(i).logprobs());
            }
        } else {
            assertThat(answers(engine, mixed)).hasSize(24);
        }
    }

    /** Whether a row's bits are the same in any batch. */
    abstract boolean exactBits();

    /** Pages are few: sequences are preempted and recomputed in chunks. */
    @Test
    void constraintsSurvivePreemption() throws Exception {
        List<GenerationRequest> requests = new ArrayList<>();
        Dfa dfa = Dfa.lengths(VOCABULARY, 10, 60, 90, 100, END);
        TokenAutomaton automaton = dfa.automaton();
        for (int i = 0; i < 12; i++) {
            GenerationRequest r = request(i, -1, SamplingParams.greedy(100).withTemperature(1));
            requests.add(new GenerationRequest(
                    i,
                    r.promptTokens(),
                    r.sampling(),
                    i,
                    Set.of(END),
                    StopCheck.NEVER,
                    Optional.of(new TokenConstraint(automaton, false)),
                    List.of()));
        }
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
                Engine small = Engines.open(config(1, 8, 16, 20).with(new Lengths(1, 1)), checkpoint)) {
            List<Generation> answers = answers(small, requests);
            assertThat(small.stats().preemptions()).isPositive();
            assertThat(answers)
                    .allSatisfy(
                            answer -> assertThat(dfa.accepts(answer.tokens())).isTrue());
            if (exactBits()) {
                try (Engine large = Engines.open(config(1, 8, 64, 0), checkpoint)) {
                    List<Generation> same = answers(large, requests);
                    for (int i = 0; i < same.size(); i++) {
                        assertThat(answers.get(i).tokens())
                                .isEqualTo(same.get(i).tokens());
                    }
                }
            }
        }
    }

    @Test
    void whatNoTextSatisfiesIsRefusedByName() throws Exception {
        SamplingParams three = SamplingParams.greedy(3);
        GenerationRequest tooFew = request(1, 1, three);
        int[] longPrompt = new Random(1).ints(254, 1, VOCABULARY).toArray();
        GenerationRequest tooLong = new GenerationRequest(
                2,
                longPrompt,
                SamplingParams.greedy(50),
                1,
                Set.of(END),
                StopCheck.NEVER,
                Optional.of(new TokenConstraint(AUTOMATA.get(1), false)),
                List.of());
        Dfa nothing = new Dfa(new int[][] {{-1, 0}}, new boolean[] {false}, END);
        GenerationRequest never = new GenerationRequest(
                3,
                new int[] {1},
                three,
                1,
                Set.of(END),
                StopCheck.NEVER,
                Optional.of(new TokenConstraint(nothing.automaton(), false)),
                List.of());
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
                Engine engine = Engines.open(config(1, 8, 64, 0), checkpoint)) {
            List<Generation> answers = answers(engine, List.of(tooFew, tooLong, never, request(4, 2, three)));
            assertThat(answers)
                    .extracting(answer ->
                            answer.error().map(Generation.RequestError::message).orElse(""))
                    .containsExactly(
                            "no text satisfies the constraint in so few tokens: 3 (at least 4; raise --max-tokens)",
                            "no text satisfies the constraint in so few tokens: 2 (at least 4; raise --max-model-len or"
                                    + " shorten the prompt)",
                            "no text satisfies the constraint in so few tokens: 3 (none does in any number; change the"
                                    + " constraint)",
                            "");
            assertThat(answers.get(0).error().orElseThrow().kind()).isEqualTo("constraint_unsatisfiable");
            assertThat(DFAS.get(2).accepts(answers.get(3).tokens())).isTrue();
        }
    }

    /** The texts do not depend on the number of ranks. */
    @Test
    void ranksAgree() throws Exception {
        assumeThat(exactBits()).isTrue();
        List<GenerationRequest> requests = IntStream.range(0, 12)
                .mapToObj(i ->
                        request(i, i % DFAS.size(), SamplingParams.greedy(8).withTemperature(i % 2)))
                .toList();
        List<List<String>> texts = new ArrayList<>();
        for (int ranks : new int[] {1, 2, 4}) {
            try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("parallel-track"));
                    Engine engine = Engines.open(config(ranks, 16, 64, 0), checkpoint)) {
                texts.add(answers(engine, requests).stream()
                        .map(answer -> Arrays.toString(answer.tokens()))
                        .toList());
            }
        }
        assertThat(texts).allSatisfy(text -> assertThat(text).isEqualTo(texts.get(0)));
    }

    /** One engine scores requests of one prompt and of others, beside texts; each gets the scores that it gets alone. */
    @ParameterizedTest
    @CsvSource({"llama-gqa,1,64,0", "llama-gqa,1,9,0", "llama-gqa,2,64,0", "parallel-track,4,32,0"})
    void scoresAreThoseOfTheModel(String name, int ranks, int tokens, int pages) throws Exception {
        assumeThat(maxRanks()).isGreaterThanOrEqualTo(ranks);
        List<Goldens.Golden> goldens = Goldens.of(name);
        List<GenerationRequest> requests = new ArrayList<>();
        List<float[][]> logits = new ArrayList<>();
        for (int g = 0; g < goldens.size(); g++) {
            int[] prompt = goldens.get(g).ids();
            Random random = new Random(g);
            for (int part = 0; part < 3; part++) { // scores of the last positions, several tokens each
                List<Score> scores = new ArrayList<>();
                for (int position = Math.max(1, prompt.length - 2 * part); position <= prompt.length; position++) {
                    int count = part == 2 && g == 1 ? 70 : 1 + random.nextInt(3); // 70: more than fit one step
                    for (int i = 0; i < count; i++) {
                        scores.add(new Score(position, random.nextInt(VOCABULARY)));
                    }
                }
                requests.add(scoring(requests.size(), prompt, scores));
                logits.add(goldens.get(g).logits());
            }
            requests.add(request(requests.size(), g % DFAS.size(), SamplingParams.greedy(8)));
            logits.add(new float[0][]);
        }
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config(ranks, 8, tokens, pages), checkpoint)) {
            List<Generation> answers = answers(engine, requests);
            for (int i = 0; i < requests.size(); i++) {
                List<Score> scores = requests.get(i).scores();
                Generation answer = answers.get(i);
                assertThat(answer.error()).isEmpty();
                assertThat(answer.scores()).hasSameSizeAs(scores);
                if (scores.isEmpty()) {
                    continue;
                }
                assertThat(answer.tokens()).isEmpty();
                assertThat(answer.finishReason()).isEqualTo(FinishReason.STOP);
                for (int s = 0; s < scores.size(); s++) {
                    Score score = scores.get(s);
                    double expected = logprob(logits.get(i)[score.position() - 1], score.token());
                    assertThat(Math.abs(answer.scores().get(s) - expected)).isLessThan(scoreError());
                }
                if (exactBits() && (ranks == 1 || i % 4 == 2)) {
                    Generation alone = answers(engine, List.of(requests.get(i))).get(0);
                    assertThat(alone.scores()).isEqualTo(answer.scores());
                    assertThat(alone.cachedPromptTokens())
                            .isEqualTo((scores.get(0).position() - 1) / 16 * 16);
                }
            }
            assertThat(engine.stats().pages().used()).isZero();
        }
    }

    /** Returns the largest allowed difference of a score from fp32. */
    abstract double scoreError();

    private static GenerationRequest scoring(int id, int[] prompt, List<Score> scores) {
        return new GenerationRequest(
                id, prompt, SamplingParams.greedy(1), 0, Set.of(), StopCheck.NEVER, Optional.empty(), scores);
    }

    private static double logprob(float[] logits, int token) {
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit);
        }
        return logits[token] - Math.log(sum);
    }

    /** Scores of the prompt's own tokens equal its prompt log-probabilities. */
    @Test
    void scoresOfThePromptAreItsLogprobs() throws Exception {
        int[] prompt = Goldens.of("llama-gqa").get(1).ids();
        List<Score> own = IntStream.range(1, prompt.length)
                .mapToObj(position -> new Score(position, prompt[position]))
                .toList();
        SamplingParams scoring = SamplingParams.greedy(1).withPromptLogprobs(true);
        GenerationRequest asked = new GenerationRequest(1, prompt, scoring, 0, Set.of(), StopCheck.NEVER);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
                Engine engine = Engines.open(config(1, 8, 64, 0), checkpoint)) {
            List<Generation> answers = answers(engine, List.of(asked, scoring(2, prompt, own)));
            assertThat(answers.get(0).promptLogprobs())
                    .extracting(logprob -> (double) logprob.logprob())
                    .hasSize(own.size())
                    .allSatisfy(logprob -> assertThat(logprob).isNegative());
            for (int i = 0; i < own.size(); i++) {
                assertThat(Math.abs(answers.get(1).scores().get(i)
                                - answers.get(0).promptLogprobs().get(i).logprob()))
                        .isLessThanOrEqualTo(exactBits() ? 0f : (float) scoreError());
            }
        }
    }

    @Test
    void scoresThatCannotBeAreRefusedByName() throws Exception {
        int[] prompt = {1, 2, 3};
        List<List<Score>> bad = List.of(
                List.of(new Score(0, 1)),
                List.of(new Score(4, 1)),
                List.of(new Score(2, 1), new Score(1, 1)),
                List.of(new Score(1, VOCABULARY)));
        List<GenerationRequest> requests = IntStream.range(0, bad.size())
                .mapToObj(i -> scoring(i, prompt, bad.get(i)))
                .toList();
        int[] whole = new Random(1).ints(256, 1, VOCABULARY).toArray(); // no room for output, which scores do not need
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
                Engine engine = Engines.open(config(1, 8, 64, 0), checkpoint)) {
            assertThat(answers(engine, requests))
                    .extracting(answer -> answer.error().orElseThrow().message())
                    .containsExactly(
                            "bad position of a score: 0 (1 to 3; order scores by position)",
                            "bad position of a score: 4 (1 to 3; order scores by position)",
                            "bad position of a score: 1 (2 to 3; order scores by position)",
                            "scored token outside the vocabulary: 96 (0 to 95; the tokenizer does not belong to this model)");
            assertThat(answers(engine, List.of(scoring(9, whole, List.of(new Score(256, 5)))))
                            .get(0)
                            .scores())
                    .hasSize(1);
        }
    }

    /** Returns answers ordered by id. */
    private static List<Generation> answers(Engine engine, List<GenerationRequest> requests)
            throws InterruptedException {
        List<Generation> answers = new ArrayList<>();
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        try (Engine.Session session = engine.session()) {
            for (int next = 0; answers.size() < requests.size(); ) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                assertThat(System.nanoTime()).isLessThan(deadline);
                session.poll(Duration.ofSeconds(20)).ifPresent(answers::add);
            }
        }
        answers.sort(Comparator.comparingLong(Generation::id));
        return answers;
    }
}
