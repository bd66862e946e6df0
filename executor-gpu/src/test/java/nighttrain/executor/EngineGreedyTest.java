package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Greedy decoding of 64 tokens gives the text of an independent implementation, whatever the number of ranks and replicas, the other rows
 * in the batch, the size of chunks and pages, with or without prefix cache, with or without preemption.
 */
class EngineGreedyTest {
    /** Name, ranks, replicas, maxNumSeqs, maxBatchTokens, pageTokens, kvPages, prefixCache. */
    private record Variant(
            String name, int ranks, int replicas, int sequences, int tokens, int page, int pages, boolean prefix) {
        EngineConfig config() {
            return config(KvFormat.Choice.AUTO);
        }

        EngineConfig config(KvFormat.Choice format) {
            // Outputs exceed the expected length; otherwise sequences would wait instead of being preempted.
            return EngineConfig.on(Backend.CPU)
                    .with(new Layout(replicas, ranks))
                    .with(new StepConfig(sequences, tokens, 0))
                    .with(new KvConfig(page, pages, prefix, format))
                    .withThreads(2)
                    .with(new Lengths(1, 1));
        }
    }

    private static final List<Variant> VARIANTS = List.of(
            new Variant("whole prefill", 1, 1, 32, 1024, 16, 0, false),
            new Variant("chunks of 3 tokens in a crowd", 1, 1, 3, 3, 5, 0, true),
            new Variant("prefix cache, small pages", 1, 1, 8, 64, 2, 0, true),
            // 256 positions need 64 pages of 4; 4 sequences of up to 214 tokens cannot all stay.
            new Variant("preemption", 1, 1, 8, 64, 4, 70, true),
            new Variant("preemption without prefix cache", 2, 1, 8, 48, 4, 70, false),
            new Variant("two ranks", 2, 1, 8, 32, 16, 0, true),
            new Variant("two replicas of two ranks", 2, 2, 4, 16, 8, 0, true));

    static Stream<Arguments> checkpointsAndVariants() {
        Variant fourRanks = new Variant("four ranks", 4, 1, 8, 32, 16, 0, true);
        return Goldens.names().stream()
                .flatMap(name -> Stream.concat(VARIANTS.stream(), Stream.of(fourRanks))
                        .filter(variant -> variant.ranks() <= Goldens.mostRanks(name))
                        .map(variant -> Arguments.of(name, variant)));
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("checkpointsAndVariants")
    void textIsTheSame(String name, Variant variant) throws Exception {
        List<Golden> goldens = Goldens.of(name);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(variant.config(), checkpoint)) {
            List<Generation> answers = answers(engine, goldens);
            for (Generation answer : answers) {
                if (answer.id() >= 0) {
                    assertThat(answer.tokens())
                            .isEqualTo(goldens.get((int) answer.id() % goldens.size())
                                    .greedy());
                    assertThat(answer.finishReason()).isEqualTo(FinishReason.LENGTH);
                }
            }
            if (variant.name().startsWith("preemption")) {
                // Where all layers have a window of 8, a sequence holds 3 pages and those of its prompt chunk: none is
                // preempted. A model without pages preempts none either.
                assertThat(engine.stats().preemptions() > 0)
                        .isEqualTo(engine.plan().cache().groups().stream()
                                .anyMatch(group -> group.spec().window() == 0));
            }
            // A state is shared only if the other prompt waits while it is computed, which depends on thread timing;
            // SharedStatesTest covers it.
            if (variant.name().startsWith("prefix") && !engine.plan().cache().hasStates()) {
                assertThat(engine.stats().tokens().cachedPrompt()).isPositive();
            }
            assertThat(engine.stats().pages().used()).isZero();
        }
    }

    /** Keys and values are rounded when written and before any read, so chunk boundaries and recomputation make no difference. */
    @ParameterizedTest
    @CsvSource({"llama-gqa,FP8", "gpt-oss,FP8", "gpt-oss,INT8"})
    void textInEightBitsIsTheSameInAnyBatch(String name, KvFormat.Choice kv) throws Exception {
        List<Golden> goldens = Goldens.of(name);
        List<List<Integer>> expected = null;
        for (Variant variant : VARIANTS.subList(0, 4)) {
            try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                    Engine engine = Engines.open(variant.config(kv), checkpoint)) {
                List<List<Integer>> texts = answers(engine, goldens).stream()
                        .filter(answer -> answer.id() >= 0)
                        .sorted(Comparator.comparingLong(Generation::id))
                        .map(answer -> Arrays.stream(answer.tokens()).boxed().toList())
                        .toList();
                expected = expected == null ? texts : expected;
                assertThat(texts).as(variant.name()).isEqualTo(expected);
            }
        }
        assertThat(expected)
                .as("text of exact keys and values")
                .isNotEqualTo(IntStream.range(0, 2 * goldens.size())
                        .mapToObj(i -> Arrays.stream(
                                        goldens.get(i % goldens.size()).greedy())
                                .boxed()
                                .toList())
                        .toList());
    }

    /** Returns answers to the golden prompts, each asked twice, among random prompts of random lengths that sample (negative ids). */
    private static List<Generation> answers(Engine engine, List<Golden> goldens) throws InterruptedException {
        Random random = new Random(1);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 2 * goldens.size(); i++) {
            requests.add(request(i, goldens.get(i % goldens.size()).ids(), SamplingParams.greedy(64)));
            int[] noise = random.ints(1 + random.nextInt(60), 0, 96).toArray();
            requests.add(request(
                    -1 - i, noise, SamplingParams.greedy(1 + random.nextInt(60)).withTemperature(1.0)));
        }
        List<Generation> answers = new ArrayList<>();
        try (Engine.Session session = engine.session()) {
            int next = 0;
            while (answers.size() < requests.size()) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                session.poll(Duration.ofSeconds(20)).ifPresent(answers::add);
            }
        }
        return answers;
    }

    private static GenerationRequest request(long id, int[] prompt, SamplingParams sampling) {
        return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
    }
}
