package nighttrain.pipeline.task;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;

/** A row that a task has taken: its requests, which the engine gets one after another, and their generations. */
final class ActiveRow {
    private final PromptRow row;
    private final List<Request> requests;
    private final Generation[] generations;
    private int offered;
    private int answered;
    private Optional<Generation> failed = Optional.empty();

    /**
     * One request of a row.
     *
     * @param stop present if the row has stop strings
     * @param promptTokens tokens of the row's prompt, without tokens that the row kind appends to it
     * @param generation the engine's request
     */
    record Request(Optional<StopStringMatcher> stop, int promptTokens, GenerationRequest generation) {}

    /** {@code requests}: at least one, with consecutive ids. */
    ActiveRow(PromptRow row, List<Request> requests) {
        this.row = row;
        this.requests = List.copyOf(requests);
        this.generations = new Generation[requests.size()];
    }

    PromptRow row() {
        return row;
    }

    List<Request> requests() {
        return requests;
    }

    /** Returns the request that the engine gets next; there is one unless {@link #isOffered}. */
    GenerationRequest next() {
        return requests.get(offered).generation();
    }

    /** Records that the engine has taken {@link #next}. */
    void nextIsTaken() {
        offered++;
    }

    /** Whether the engine has taken a request of the row. */
    boolean hasBegun() {
        return offered > 0;
    }

    /** Whether the engine gets no more requests of the row: it has taken all of them, or one has failed. */
    boolean isOffered() {
        return offered == requests.size() || failed.isPresent();
    }

    /** Takes the answer to one of its requests. Returns whether the row is finished: every request that the engine took is answered. */
    boolean take(Generation answer) {
        generations[(int) (answer.id() - requests.get(0).generation().id())] = answer;
        answered++;
        if (answer.error().isPresent() && failed.isEmpty()) {
            failed = Optional.of(answer);
        }
        return isOffered() && answered == offered;
    }

    /** The first answer that is an error. */
    Optional<Generation> failed() {
        return failed;
    }

    /** The answers in the order of the requests, once the row is finished and has not {@link #failed}. */
    List<Generation> generations() {
        return Arrays.asList(generations);
    }
}
