package nighttrain.pipeline.task;

import java.util.List;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.io.text.StopStrings;
import nighttrain.io.text.Tokenizer;

/** Ends one generation at a stop string and keeps the text before it. A stop string may be a special token. */
final class StopStringMatcher implements StopCheck {
    private final StopStrings strings;
    private volatile boolean stopped;

    StopStringMatcher(Tokenizer tokenizer, List<String> stop) {
        this.strings = tokenizer.newStopStrings(stop);
    }

    @Override
    public boolean stopsAfter(int token) {
        stopped = strings.push(token);
        return stopped;
    }

    /** Whether a stop string occurred. */
    boolean stopped() {
        return stopped;
    }

    /** The text before the stop string. */
    String text() {
        return strings.text();
    }
}
