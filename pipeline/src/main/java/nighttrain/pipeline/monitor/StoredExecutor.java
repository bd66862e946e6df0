package nighttrain.pipeline.monitor;

import com.fasterxml.jackson.annotation.JsonIgnore;
import nighttrain.pipeline.progress.Heartbeat;
import org.apache.spark.util.kvstore.KVIndex;

/**
 * What an executor did for a run, as Spark's store keeps it.
 *
 * @param firstMs when it was first heard, in ms since 1970
 * @param changedMs when it had last done something
 * @param last what it told last
 */
public record StoredExecutor(long firstMs, long changedMs, Heartbeat last) {
    private static final double MS_PER_S = 1000;

    static StoredExecutor first(Heartbeat beat) {
        return new StoredExecutor(beat.atMs(), beat.atMs(), beat);
    }

    StoredExecutor after(Heartbeat beat) {
        return new StoredExecutor(firstMs, beat.done().equals(last.done()) ? changedMs : beat.atMs(), beat);
    }

    static String key(Heartbeat beat) {
        return beat.runId() + "/" + beat.executor();
    }

    /** What the store knows it by. */
    @KVIndex
    @JsonIgnore
    public String key() {
        return key(last);
    }

    /** Output tokens per second from when it was first heard to when it had last done something. */
    double meanTokensPerS() {
        double seconds = (changedMs - firstMs) / MS_PER_S;
        return seconds <= 0 ? Double.NaN : last.done().outputTokens() / seconds;
    }
}
