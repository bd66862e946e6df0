package nighttrain.pipeline.task;

import java.util.Optional;
import java.util.Set;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.StopCheck;
import nighttrain.io.table.Incidents;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.row.Decoding;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowRequest;

/** Rows to requests. Used by one task. */
final class RequestBuilder {
    private final HostedModel model;
    private final TaskSpec spec;
    private final AttemptCounts tries;
    private final PromptEncoder encoder;
    private final Set<Integer> endTokens;
    private long next;

    RequestBuilder(HostedModel model, TaskSpec spec, AttemptCounts tries) {
        this.model = model;
        this.tries = tries;
        this.spec = spec;
        this.encoder = new PromptEncoder(model, spec);
        this.endTokens = Set.copyOf(model.tokenizer().endTokens());
    }

    Request of(PromptRow row) throws RowFault {
        if (tries.isGuilty(row)) {
            throw quarantined(row);
        }
        if (row.flaw() != null) {
            throw row.flaw();
        }
        RowRequest asked = spec.kind().request(row.input(), spec.decoding());
        Decoding decoding = asked.decoding();
        int[] tokens = encoder.encode(asked.prompt(), decoding.sampling().maxTokens());
        Optional<StopStringMatcher> stop = decoding.stop().isEmpty()
                ? Optional.empty()
                : Optional.of(new StopStringMatcher(model.tokenizer(), decoding.stop()));
        GenerationRequest generation = new GenerationRequest(
                next++,
                tokens,
                decoding.sampling(),
                RowSeed.of(decoding.seed(), row.id(), row.sample()),
                endTokens,
                stop.<StopCheck>map(watch -> watch).orElse(StopCheck.NEVER));
        return new Request(row, stop, generation);
    }

    private RowFault quarantined(PromptRow row) {
        return new RowFault(
                Incidents.QUARANTINED,
                "row ends what computes it: tried " + tries.attempts(row) + " times, the last "
                        + AttemptCounts.PROVING_DEATHS + " alone (limit " + AttemptCounts.SUSPICIOUS_DEATHS + " in company, then "
                        + AttemptCounts.PROVING_DEATHS
                        + " alone; the executors' logs may say why, leave the row out or mend it)");
    }
}
