package nighttrain.pipeline.task;

import java.util.List;
import nighttrain.executor.request.StopCheck;
import nighttrain.io.text.StopStrings;
import nighttrain.io.text.Tokenizer;

/** Ends one generation at a stop string, a special token perhaps, and remembers the text before it. */
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

    /** Whether a stop string came. */
    boolean stopped() {
        return stopped;
    }

    /** The text before it. */
    String text() {
        return strings.text();
    }
}
