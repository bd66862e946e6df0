package nighttrain.pipeline.task;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.io.UserError;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowRequest;
import nighttrain.pipeline.row.RowRequest.Continuation;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.task.ActiveRow.Request;

/** Builds the engine's requests of rows. Each task has its own. */
final class RequestBuilder {
    private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
    private static final long FNV_PRIME = 0x100000001b3L;

    private final HostedModel model;
    private final TaskSpec spec;
    private final AttemptCounts attempts;
    private final PromptEncoder encoder;
    private final Set<Integer> endTokens;
    private long next;

    RequestBuilder(HostedModel model, TaskSpec spec, AttemptCounts attempts) {
        this.model = model;
        this.attempts = attempts;
        this.spec = spec;
        this.encoder = new PromptEncoder(model, spec);
        this.endTokens = Set.copyOf(model.tokenizer().endTokens());
    }

    ActiveRow of(PromptRow row) throws RowFault {
        if (attempts.isPoison(row)) {
            throw quarantined(row);
        }
        if (row.flaw() != null) {
            throw row.flaw();
        }
        List<Request> requests = new ArrayList<>();
        for (RowRequest asked : spec.kind().requests(row.input(), spec.decoding())) {
            requests.add(request(row, requests.size(), asked));
        }
        return new ActiveRow(row, requests);
    }

    /** Builds a request. {@code nth}: index among the row's requests, from 0. */
    private Request request(PromptRow row, int nth, RowRequest asked) throws RowFault {
        Decoding decoding = asked.decoding();
        Continuation continuation = asked.continuation();
        int most = decoding.sampling().maxTokens();
        int[] prompt = continuation.scores().isEmpty()
                ? encoder.encode(asked.prompt(), most)
                : encoder.encodeBefore(asked.prompt(), most);
        Optional<StopStringMatcher> stop = decoding.stop().isEmpty()
                ? Optional.empty()
                : Optional.of(new StopStringMatcher(model.tokenizer(), decoding.stop()));
        GenerationRequest generation = new GenerationRequest(
                next++,
                followed(prompt, continuation.tokens()),
                decoding.sampling(),
                seed(decoding.seed(), row.id(), row.sample(), nth),
                endTokens,
                stop.<StopCheck>map(watch -> watch).orElse(StopCheck.NEVER),
                constraint(decoding),
                continuation.scores().stream()
                        .map(score -> new Score(prompt.length + score.position(), score.token()))
                        .toList());
        return new Request(stop, prompt.length, generation);
    }

    private static int[] followed(int[] prompt, List<Integer> more) {
        return more.isEmpty()
                ? prompt
                : IntStream.concat(Arrays.stream(prompt), more.stream().mapToInt(Integer::intValue))
                        .toArray();
    }

    /** Compiles the constraint. A batch file's line may bring its own, which is first compiled here, so a fault is an error of its row. */
    private Optional<TokenConstraint> constraint(Decoding decoding) throws RowFault {
        if (decoding.constraint() == null) {
            return Optional.empty();
        }
        TokenAutomaton automaton;
        try {
            automaton = model.automaton(decoding.constraint());
        } catch (UserError unsupported) {
            throw new RowFault("bad_constraint", unsupported.getMessage());
        }
        int fewest = automaton.fewestTokens()[TokenAutomaton.START];
        if (fewest > decoding.sampling().maxTokens()) {
            throw new RowFault(
                    "bad_constraint",
                    "fewer tokens than the constraint needs: "
                            + decoding.sampling().maxTokens() + " (at least " + fewest + "; raise max_tokens)");
        }
        return Optional.of(new TokenConstraint(automaton, decoding.logprobsBefore()));
    }

    private RowFault quarantined(PromptRow row) {
        return new RowFault(
                Incidents.QUARANTINED,
                "row crashed its executor: " + attempts.attempts(row) + " attempts, the last "
                        + AttemptCounts.PROVING_CRASHES
                        + " isolated (see the executor's log; fix or remove the row)");
    }

    /** Returns a request's seed: the same for the same job seed, row, sample and request of the row, in every task and executor. */
    static long seed(long jobSeed, String id, int sample, int nth) {
        long hash = mix(jobSeed + GOLDEN_RATIO);
        for (byte next : id.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (next & 0xff)) * FNV_PRIME;
        }
        long first = mix(mix(hash) + (sample + 1) * GOLDEN_RATIO);
        return nth == 0 ? first : mix(first + nth * GOLDEN_RATIO);
    }

    /** Mixes bits by the finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes half of the output bits. */
    private static long mix(long bits) {
        long z = (bits ^ (bits >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
