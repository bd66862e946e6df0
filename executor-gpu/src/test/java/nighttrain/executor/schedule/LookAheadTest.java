package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import nighttrain.executor.Dfa;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every sequence gets the tokens of a loop that runs it alone, whether steps are planned ahead or not, with many pages or few. */
class LookAheadTest {
    private static final int PAGE_TOKENS = 3;
    private static final int LONGEST = 50;

    private final Random random = new Random(11);

    private record UnderWay(Step step, List<SampledToken> sampled) {}

    /** The answers of a run of the loop, and counters of its work. */
    private static final class Loop {
        final List<Generation> answers = new ArrayList<>();
        int steps;
        int wastedRows;
        int stalls;
        int forks;
        long preemptions;
        long sampled;
    }

    @ParameterizedTest
    @CsvSource({
        "0, 400, true",
        "1, 400, true",
        "1, 400, false",
        "0, 24, true",
        "1, 24, true",
        "1, 24, false",
        "1, 20, true"
    })
    void everySequenceGetsItsTokens(int ahead, int pages, boolean prefixCache) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            requests.add(request(i, i % 7 == 0, i % 5 == 0, i % 3 == 0));
        }
        Loop loop = run(requests, ahead, pages, prefixCache, 40);
        assertThat(loop.answers).hasSizeBetween(150, 199); // some are cancelled
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer));
        assertThat(loop.preemptions > 0).isEqualTo(pages < 100);
    }

    /** A sequence whose logits are not finite ends with an error; the others get their tokens. */
    @ParameterizedTest
    @CsvSource({"0, 400, true", "1, 400, true", "1, 400, false", "1, 24, true", "1, 20, false"})
    void aSequenceThatFailsDisturbsNoOther(int ahead, int pages, boolean prefixCache) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            GenerationRequest sound = request(i, i % 7 == 0, i % 5 == 0, i % 3 == 0);
            requests.add(
                    i % 4 < 2
                            ? sound
                            : new GenerationRequest(
                                    i,
                                    sound.promptTokens(),
                                    sound.sampling(),
                                    TokenMachine.FAILING + i,
                                    sound.stopTokens(),
                                    sound.stopCheck()));
        }
        Loop loop = run(requests, ahead, pages, prefixCache, 40);
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer));
        assertThat(loop.answers.stream()
                        .map(answer ->
                                answer.error().map(error -> error.message().contains("prompt"))))
                .contains(Optional.of(true), Optional.of(false), Optional.empty());
    }

    /** Groups of layers attend to all tokens (window 0) or to a window; each is given as {@code window:pages}. */
    @ParameterizedTest
    @CsvSource({
        "0, 0:400 7:400, true",
        "1, 0:400 7:400, true",
        "1, 0:400 7:400, false",
        "1, 0:400 7:12 20:400, true",
        "0, 0:20 7:12, true",
        "1, 0:20 7:12, true",
        "1, 0:20 7:9 1:6, false",
        "1, 5:7, true",
        "0, 5:7, false",
        "1, 5:400, true"
    })
    void windowsSeeWhatTheyShould(int ahead, String groups, boolean prefixCache) {
        List<CacheLayout.Group> layers = new ArrayList<>();
        int fewest = 0; // pages of the first group
        int widest = 0;
        for (String group : groups.split(" ", -1)) {
            int window = Integer.parseInt(group.split(":", -1)[0]);
            int pages = Integer.parseInt(group.split(":", -1)[1]);
            layers.add(new CacheLayout.Group(new PagedKv(1, 1, window, 1), List.of(layers.size()), pages));
            fewest = layers.size() == 1 ? pages : fewest;
            widest = Math.max(widest, window == 0 ? LONGEST : window);
        }
        CacheLayout layout = new CacheLayout(PAGE_TOKENS, layers);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            requests.add(request(i, i % 7 == 0, i % 5 == 0, i % 3 == 0));
        }
        StepLimits limits = new StepLimits(6, 9, 5, LONGEST);
        Loop loop = run(requests, limits, ahead, layout, new TokenMachine(layout)::run, prefixCache, 40);
        int window = widest;
        loop.answers.forEach(answer -> check(
                requests.get((int) answer.id()),
                answer,
                (tokens, length, seed) -> TokenMachine.next(tokens, Math.max(0, length - window), length, seed)));
        assertThat(loop.answers).hasSizeGreaterThan(200);
        assertThat(loop.preemptions > 0).isEqualTo(fewest < 100);
    }

    /**
     * Layers of linear attention each keep a state, others keep pages. Slots are few and reused, and states are recomputed after preemption.
     * Snapshots are many, few or in slots that no sequence needs.
     */
    @ParameterizedTest
    @CsvSource({
        "0, 400, 6, 0, false",
        "0, 400, 6, 8, true",
        "1, 400, 6, 8, true",
        "1, 400, 6, 1, true",
        "1, 400, 3, 0, true",
        "1, 400, 1, 1, true",
        "1, 400, 1, 0, true",
        "0, 24, 6, 4, true",
        "1, 24, 6, 4, true",
        "1, 24, 6, 0, true",
        "1, 20, 4, 2, true",
        "1, 20, 4, 2, false"
    })
    void statesAreTheirSequencesOwn(int ahead, int pages, int slots, int snapshots, boolean prefixCache) {
        CacheLayout layout = CacheLayout.of(
                        List.of(
                                new CacheSpec.RecurrentState(64),
                                new PagedKv(1, 1, 0, 1),
                                new PagedKv(1, 1, 7, 1),
                                new CacheSpec.RecurrentState(64)),
                        PAGE_TOKENS,
                        pages,
                        slots)
                .withSnapshots(snapshots);
        assertThat(layout.slots()).isEqualTo(slots);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            GenerationRequest request = request(i, i % 7 == 0, false, i % 3 == 0);
            requests.add(i % 4 > 0 && i % 16 < 12 ? withPromptOf(requests.get(i - 1), request) : request);
        }
        StepLimits limits = new StepLimits(6, 9, 5, LONGEST);
        Function<Batch, List<SampledToken>> machine =
                hybrid(new TokenMachine(layout), new LinearAttentionMachine(slots + snapshots));
        Loop loop = run(requests, limits, ahead, layout, machine, prefixCache, 40);
        assertThat(loop.answers).hasSizeGreaterThan(200);
        Model model = (tokens, length, seed) ->
                sum(TokenMachine.next(tokens, length, seed), LinearAttentionMachine.next(tokens, length, seed));
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer, model));
        assertThat(loop.answers.stream()
                                .mapToInt(Generation::cachedPromptTokens)
                                .sum()
                        > 0)
                .isEqualTo(prefixCache && slots + snapshots > 1);
        assertThat(loop.forks > 0).isEqualTo(prefixCache && slots > 1);
        assertThat(loop.preemptions > 0).isEqualTo(pages < 100);
    }

    /** If outputs end only at their length and pages suffice for all, no planned row is wasted, and running ahead costs at most one step. */
    @ParameterizedTest
    @CsvSource({"1", "8", "200"})
    void knownLengthsWasteNoRow(int count) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            requests.add(request(i, false, false, false));
        }
        Loop plain = run(requests, 0, 400, true, 0);
        Loop ahead = run(requests, 1, 400, true, 0);
        assertThat(ahead.wastedRows).isZero();
        assertThat(ahead.sampled).isEqualTo(plain.sampled);
        assertThat(ahead.steps).isLessThanOrEqualTo(plain.steps + 1);
        assertThat(ahead.answers).hasSize(count);
    }

    /** A few rows that need the last token miss some steps. They delay no other row and get their tokens, whatever other rows do. */
    @ParameterizedTest
    @CsvSource({"32, 2000, 20", "32, 2000, 0", "40, 50, 20"})
    void fewRowsThatWaitGetTheirTokens(int oneIn, int pages, int cancelOneIn) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            requests.add(request(i, i % oneIn == 0, i % 5 == 0, i % 3 == 0));
        }
        Loop loop = run(requests, new StepLimits(64, 96, 5, LONGEST), 1, pages, true, cancelOneIn);
        assertThat(loop.answers).hasSizeGreaterThan(cancelOneIn == 0 ? 599 : 400);
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer));
        assertThat(loop.preemptions > 0).isEqualTo(pages < 1000);
    }

    /** One row in 256 has penalties: tokens per step stay above 97 %, and at most 1 % more steps leave the device idle. */
    @Test
    void oneRowThatWaitsHoldsNobodyUp() {
        List<GenerationRequest> plain = new ArrayList<>();
        List<GenerationRequest> withPenalties = new ArrayList<>();
        for (int i = 0; i < 4096; i++) {
            int length = 20 + i * 7 % 41; // lengths differ so that sequences do not end in waves
            SamplingParams sampling = SamplingParams.greedy(length);
            SamplingParams penalties =
                    SamplingParams.greedy(length).with(new Penalties(1.5, 0, 0)).withIgnoreEos(true);
            int[] prompt = {i % 3, i % 5};
            plain.add(new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER));
            withPenalties.add(new GenerationRequest(
                    i, prompt, i % 256 == 100 && i < 3_840 ? penalties : sampling, i, Set.of(), StopCheck.NEVER));
        }
        StepLimits limits = new StepLimits(256, 1024, 0, 70);
        Loop without = run(plain, limits, 1, 10_000, true, 0);
        Loop with = run(withPenalties, limits, 1, 10_000, true, 0);
        assertThat(with.sampled).isEqualTo(without.sampled);
        assertThat(with.steps).isLessThan((int) (without.steps * 1.03));
        assertThat(with.stalls).isLessThanOrEqualTo(without.stalls + with.steps / 100);
    }

    /** Every second row has a constraint, some also penalties, a scored prompt or logits that are not finite. */
    @ParameterizedTest
    @CsvSource({
        "0, 400, true",
        "1, 400, true",
        "1, 400, false",
        "0, 24, true",
        "1, 24, true",
        "1, 24, false",
        "1, 20, true"
    })
    void constrainedRowsGetTheirTokens(int ahead, int pages, boolean prefixCache) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            GenerationRequest plain = request(i, i % 7 == 0, i % 5 == 0, i % 3 == 0);
            requests.add(i % 2 == 0 ? plain : constrained(plain, DFAS.get(i / 2 % DFAS.size()), i % 11 == 0));
        }
        Loop loop = run(requests, ahead, pages, prefixCache, 40);
        assertThat(loop.answers).hasSizeGreaterThan(300);
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer));
        assertThat(loop.preemptions > 0).isEqualTo(pages < 100);
        List<Generation> texts = loop.answers.stream()
                .filter(answer -> answer.id() % 2 == 1 && answer.error().isEmpty())
                .toList();
        assertThat(texts)
                .hasSizeGreaterThan(100)
                .allSatisfy(answer -> assertThat(
                                dfaOf(requests.get((int) answer.id())).accepts(answer.tokens()))
                        .as("text of request %d: %s", answer.id(), Arrays.toString(answer.tokens()))
                        .isTrue());
        assertThat(texts).extracting(Generation::finishReason).contains(FinishReason.STOP, FinishReason.LENGTH);
    }

    /** If all rows have constraints, no step is missed and no row waits. */
    @Test
    void constrainedRowsHoldNobodyUp() {
        List<GenerationRequest> plain = new ArrayList<>();
        List<GenerationRequest> constrained = new ArrayList<>();
        for (int i = 0; i < 1024; i++) {
            int length = 20 + i * 7 % 41;
            plain.add(new GenerationRequest(
                    i, new int[] {i % 3, i % 5}, SamplingParams.greedy(length), i % 64, Set.of(), StopCheck.NEVER));
            Dfa exactly = Dfa.lengths(TokenMachine.VOCABULARY, 10, 40, length, length, 7);
            constrained.add(constrained(plain.get(i), exactly, false));
        }
        StepLimits limits = new StepLimits(256, 1024, 0, 70);
        Loop without = run(plain, limits, 1, 10_000, true, 0);
        Loop with = run(constrained, limits, 1, 10_000, true, 0);
        assertThat(with.sampled).isEqualTo(without.sampled);
        assertThat(with.steps).isEqualTo(without.steps);
        assertThat(with.stalls).isEqualTo(without.stalls);
        assertThat(with.wastedRows).isZero();
    }

    private static final List<Dfa> DFAS = List.of(
            Dfa.lengths(TokenMachine.VOCABULARY, 10, 40, 1, 12, 7),
            Dfa.lengths(40, 0, 40, 3, 3, 9), // the model's vocabulary is larger
            Dfa.choices(TokenMachine.VOCABULARY, 7, new int[] {11, 12, 13, 14}, new int[] {11, 12}, new int[] {30}),
            Dfa.random(new Random(1), 5, TokenMachine.VOCABULARY, 8),
            Dfa.random(new Random(2), 9, TokenMachine.VOCABULARY, 8),
            Dfa.random(new Random(3), 3, 45, 8));

    private final IdentityHashMap<TokenAutomaton, Dfa> dfas = new IdentityHashMap<>();
    private final IdentityHashMap<Dfa, TokenAutomaton> automata = new IdentityHashMap<>();

    private GenerationRequest constrained(GenerationRequest plain, Dfa dfa, boolean failing) {
        TokenAutomaton automaton = automata.computeIfAbsent(dfa, Dfa::automaton);
        dfas.put(automaton, dfa);
        SamplingParams old = plain.sampling();
        SamplingParams sampling = SamplingParams.greedy(Math.max(old.maxTokens(), dfa.fewest(0)))
                .with(new Penalties(old.penalties().repetition(), 0, 0))
                .withPromptLogprobs(old.promptLogprobs())
                .withIgnoreEos(old.ignoreEos());
        return new GenerationRequest(
                plain.id(),
                plain.promptTokens(),
                sampling,
                plain.seed() + (failing ? TokenMachine.FAILING : 0),
                Set.of(dfa.end()),
                StopCheck.NEVER,
                Optional.of(new TokenConstraint(automaton, false)),
                List.of());
    }

    private Dfa dfaOf(GenerationRequest request) {
        return request.constraint()
                .map(constraint -> dfas.get(constraint.automaton()))
                .orElse(null);
    }

    /** Requests with scores run among others: several scores of one position, more than fit a step, several requests of one prompt. */
    @ParameterizedTest
    @CsvSource({"0, 400, true", "1, 400, true", "1, 400, false", "0, 24, true", "1, 24, true", "1, 20, false"})
    void scoresAreTakenOfTheirPositions(int ahead, int pages, boolean prefixCache) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            GenerationRequest plain = request(i, i % 7 == 0, i % 5 == 0, i % 3 == 0);
            requests.add(i % 4 == 0 ? plain : scores(plain, i % 9 == 0));
        }
        Loop loop = run(requests, ahead, pages, prefixCache, 40);
        assertThat(loop.answers).hasSizeGreaterThan(300);
        loop.answers.forEach(answer -> check(requests.get((int) answer.id()), answer));
        assertThat(loop.answers.stream()
                        .anyMatch(answer -> answer.cachedPromptTokens() > 0
                                && !answer.scores().isEmpty()))
                .isEqualTo(prefixCache);
    }

    private GenerationRequest scores(GenerationRequest plain, boolean failing) {
        int length = plain.promptTokens().length;
        List<Score> scores = new ArrayList<>();
        int position = 1 + random.nextInt(length);
        do {
            for (int i = random.nextInt(4) == 0 ? 13 : 1 + random.nextInt(3); i > 0; i--) {
                scores.add(new Score(position, random.nextInt(TokenMachine.VOCABULARY)));
            }
            position += 1 + random.nextInt(3);
        } while (position <= length);
        return new GenerationRequest(
                plain.id(),
                plain.promptTokens(),
                plain.sampling(),
                plain.seed() + (failing ? TokenMachine.FAILING : 0),
                plain.stopTokens(),
                plain.stopCheck(),
                Optional.empty(),
                scores);
    }

    private static void checkScores(GenerationRequest request, Generation answer) {
        List<Float> expected = new ArrayList<>();
        for (Score score : request.scores()) {
            if (TokenMachine.failsAfter(request.promptTokens(), score.position(), request.seed())) {
                checkFailed(
                        answer, new int[0], "NaN at score " + (expected.size() + 1) + ", position " + score.position());
                return;
            }
            expected.add(TokenMachine.scoreOf(score.position(), score.token()));
        }
        assertThat(answer.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(answer.tokens()).isEmpty();
        assertThat(answer.promptLogprobs()).isEmpty();
        assertThat(answer.scores()).isEqualTo(expected);
        assertThat(answer.promptTokens()).isEqualTo(request.promptTokens().length);
    }

    private Loop run(List<GenerationRequest> requests, int ahead, int pageCount, boolean prefixCache, int cancelOneIn) {
        return run(requests, new StepLimits(6, 9, 5, LONGEST), ahead, pageCount, prefixCache, cancelOneIn);
    }

    private Loop run(
            List<GenerationRequest> requests,
            StepLimits limits,
            int ahead,
            int pageCount,
            boolean prefixCache,
            int cancelOneIn) {
        CacheLayout layout = CacheLayout.ofPages(PAGE_TOKENS, pageCount);
        return run(requests, limits, ahead, layout, new TokenMachine(layout)::run, prefixCache, cancelOneIn);
    }

    private Loop run(
            List<GenerationRequest> requests,
            StepLimits limits,
            int ahead,
            CacheLayout layout,
            Function<Batch, List<SampledToken>> machine,
            boolean prefixCache,
            int cancelOneIn) {
        PageAllocator pages = new PageAllocator(layout, prefixCache);
        Scheduler scheduler = new Scheduler(limits, pages, 1); // expects 1 output token: few pages cause preemption
        Deque<UnderWay> underWay = new ArrayDeque<>();
        Loop loop = new Loop();
        List<Sequence> all = new ArrayList<>();
        int dropped = 0;
        while (loop.answers.size() + dropped < requests.size()) {
            while (all.size() < requests.size() && (cancelOneIn == 0 || random.nextInt(3) == 0)) {
                all.add(new Sequence(requests.get(all.size()), 0));
                scheduler.add(all.get(all.size() - 1));
            }
            if (cancelOneIn > 0 && !all.isEmpty() && random.nextInt(cancelOneIn) == 0) {
                all.get(random.nextInt(all.size())).cancel();
            }
            dropped += scheduler.dropCancelled().size();
            Step step = scheduler.next();
            if (!step.isEmpty()) {
                underWay.add(new UnderWay(step, machine.apply(step.batch())));
                loop.steps++;
                loop.forks += step.forks().size();
            } else if (!underWay.isEmpty()) {
                loop.stalls++;
            }
            if (underWay.size() > (step.isEmpty() ? 0 : ahead)) {
                UnderWay oldest = underWay.remove();
                loop.wastedRows += (int) oldest.step().slices().stream()
                        .filter(slice -> !slice.counts())
                        .count();
                scheduler
                        .commit(oldest.step(), oldest.sampled(), 1)
                        .forEach(sequence -> loop.answers.add(sequence.generation(1)));
            }
            assertThat(pages.isConsistent()).isTrue();
        }
        while (!underWay.isEmpty()) { // steps left hold only rows of ended sequences
            UnderWay last = underWay.remove();
            assertThat(scheduler.commit(last.step(), last.sampled(), 1)).isEmpty();
        }
        assertThat(pages.used()).isZero();
        assertThat(pages.slots().available()).isEqualTo(layout.slots());
        loop.preemptions = scheduler.preemptions();
        loop.sampled = scheduler.sampledTokens();
        return loop;
    }

    private GenerationRequest request(int id, boolean penalties, boolean scored, boolean stops) {
        int[] prompt = new Random(id % 20).ints(1 + random.nextInt(25), 0, 3).toArray(); // prefixes in common
        SamplingParams sampling = SamplingParams.greedy(1 + random.nextInt(30))
                .with(new Penalties(penalties ? 1.5 : 1, 0, 0))
                .withPromptLogprobs(scored)
                .withIgnoreEos(!stops);
        StopCheck check = stops && id % 2 == 0 ? token -> token % 17 == 3 : StopCheck.NEVER;
        return new GenerationRequest(id, prompt, sampling, id % 4, Set.of(7, 8, 9), check);
    }

    /** Returns a machine whose next token combines the results of both machines for the earlier tokens. */
    private static Function<Batch, List<SampledToken>> hybrid(TokenMachine pages, LinearAttentionMachine states) {
        List<SampledToken> before = new ArrayList<>();
        return batch -> {
            int[] tokens = batch.tokens();
            for (int i = 0; i < tokens.length; i++) {
                tokens[i] = tokens[i] < 0 ? before.get(~tokens[i]).token() : tokens[i];
            }
            List<SampledToken> ofPages = pages.run(batch);
            List<SampledToken> ofStates = states.run(batch);
            before.clear();
            for (int i = 0; i < ofPages.size(); i++) {
                before.add(new SampledToken(
                        sum(ofPages.get(i).token(), ofStates.get(i).token()),
                        ofPages.get(i).logprobs()));
            }
            return List.copyOf(before);
        };
    }

    private static int sum(int token, int other) {
        return (token + other) % TokenMachine.VOCABULARY;
    }

    private static GenerationRequest withPromptOf(GenerationRequest other, GenerationRequest request) {
        return new GenerationRequest(
                request.id(),
                other.promptTokens(),
                request.sampling(),
                request.seed(),
                request.stopTokens(),
                request.stopCheck());
    }

    @FunctionalInterface
    private interface Model {
        /** Returns the token after {@code tokens[0 .. length)}. */
        int next(int[] tokens, int length, long seed);
    }

    private void check(GenerationRequest request, Generation answer) {
        check(request, answer, TokenMachine::next);
    }

    /** Checks an answer against a plain loop over one token at a time. */
    private void check(GenerationRequest request, Generation answer, Model model) {
        if (!request.scores().isEmpty()) {
            checkScores(request, answer);
            return;
        }
        Dfa dfa = dfaOf(request);
        SamplingParams sampling = request.sampling();
        int prompt = request.promptTokens().length;
        int[] tokens = Arrays.copyOf(request.promptTokens(), LONGEST);
        int length = prompt;
        FinishReason reason = null;
        for (int scored = 1; sampling.promptLogprobs() && scored < prompt; scored++) {
            if (TokenMachine.failsAfter(tokens, scored, request.seed())) {
                checkFailed(answer, new int[0], "NaN at prompt token " + (scored + 1));
                return;
            }
        }
        while (reason == null) {
            if (TokenMachine.failsAfter(tokens, length, request.seed())) {
                checkFailed(
                        answer,
                        Arrays.copyOfRange(tokens, prompt, length),
                        "NaN at output token " + (length - prompt + 1));
                return;
            }
            int token = model.next(tokens, length, request.seed());
            if (dfa != null) {
                int state = dfa.stateAfter(Arrays.copyOfRange(tokens, prompt, length));
                int remaining = Math.min(sampling.maxTokens() - (length - prompt), LONGEST - length);
                while (!dfa.allows(state, token, remaining, sampling.ignoreEos())) {
                    token = (token + 1) % TokenMachine.VOCABULARY;
                }
            }
            if ((dfa != null || !sampling.ignoreEos()) && request.stopTokens().contains(token)) {
                reason = FinishReason.STOP;
                break;
            }
            tokens[length++] = token;
            if (request.stopCheck().stopsAfter(token) || isComplete(dfa, tokens, prompt, length, sampling)) {
                reason = FinishReason.STOP;
            } else if (length - prompt == sampling.maxTokens() || length == LONGEST) {
                reason = FinishReason.LENGTH;
            }
        }
        assertThat(answer.tokens()).isEqualTo(Arrays.copyOfRange(tokens, prompt, length));
        assertThat(answer.finishReason()).isEqualTo(reason);
        assertThat(answer.error()).isEmpty();
        if (sampling.promptLogprobs()) {
            assertThat(answer.promptLogprobs())
                    .extracting(scored -> (int) scored.logprob())
                    .isEqualTo(
                            java.util.stream.IntStream.range(1, prompt).boxed().toList());
        }
    }

    /** Returns whether the text may end and no other token is allowed; if none remain, whether none is allowed in any number. */
    private static boolean isComplete(Dfa dfa, int[] tokens, int prompt, int length, SamplingParams sampling) {
        if (dfa == null) {
            return false;
        }
        int state = dfa.stateAfter(Arrays.copyOfRange(tokens, prompt, length));
        int remaining = Math.min(sampling.maxTokens() - (length - prompt), LONGEST - length);
        return dfa.isAccepting(state) && !dfa.goesOn(state, remaining > 0 ? remaining : 1_000);
    }

    private static void checkFailed(Generation answer, int[] tokens, String where) {
        assertThat(answer.finishReason()).isEqualTo(FinishReason.ERROR);
        assertThat(answer.tokens()).isEqualTo(tokens);
        assertThat(answer.error())
                .contains(new Generation.RequestError(
                        "logits_not_finite",
                        "logits are not finite: " + where + " (the checkpoint holds NaN or infinity, or values overflow"
                                + " bf16; check the weights, or compute in fp32 with --backend cpu)"));
    }
}
