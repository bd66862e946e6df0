package nighttrain.pipeline.monitor;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.RunStarted;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.util.kvstore.KVIndex;
import org.apache.spark.util.kvstore.KVStore;
import org.apache.spark.util.kvstore.KVStoreIterator;

/**
 * Keeps heartbeats in the store behind Spark's UI, both live and from the event log: one entry per run and executor, which is overwritten.
 */
final class HeartbeatStore extends SparkListener {
    private final KVStore store;

    HeartbeatStore(KVStore store) {
        this.store = store;
    }

    @Override
    public void onOtherEvent(SparkListenerEvent event) {
        if (event instanceof Heartbeat beat) {
            write(read(StoredExecutor.key(beat))
                    .map(before -> before.after(beat))
                    .orElse(StoredExecutor.first(beat)));
        } else if (event instanceof RunStarted run) {
            write(new StoredRun(run));
        }
    }

    private Optional<StoredExecutor> read(String key) {
        try {
            return Optional.of(store.read(StoredExecutor.class, key));
        } catch (NoSuchElementException unheard) {
            return Optional.empty();
        } catch (Exception e) { // KVStore's methods throw it
            throw new IllegalStateException(e);
        }
    }

    private void write(Object entry) {
        try {
            store.write(entry);
        } catch (Exception e) { // KVStore's methods throw it
            throw new IllegalStateException(e);
        }
    }

    /** Returns all runs, the latest first. */
    List<RunStarted> runs() {
        return all(StoredRun.class).stream()
                .map(StoredRun::started)
                .sorted(Comparator.comparing(RunStarted::atMs).reversed())
                .toList();
    }

    /** Returns a run's executors in the order of their numbers. {@link Heartbeat#ALL} is among them once the run has ended. */
    List<StoredExecutor> executors(String runId) {
        Comparator<String> byNumber = Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder());
        return all(StoredExecutor.class).stream()
                .filter(it -> it.last().runId().equals(runId))
                .sorted(Comparator.comparing(it -> it.last().executor(), byNumber))
                .toList();
    }

    private <T> List<T> all(Class<T> type) {
        List<T> found = new ArrayList<>();
        try (KVStoreIterator<T> entries = store.view(type).closeableIterator()) {
            entries.forEachRemaining(found::add);
        } catch (Exception e) { // KVStore's methods throw it
            throw new IllegalStateException(e);
        }
        return found;
    }

    /**
     * A run, as Spark's store keeps it.
     *
     * @param started the event at its start
     */
    public record StoredRun(RunStarted started) {
        /** Its key in the store. */
        @KVIndex
        @JsonIgnore
        public String runId() {
            return started.runId();
        }
    }

    /**
     * An executor's work for a run, as Spark's store keeps it.
     *
     * @param firstMs time of its first heartbeat, in ms since 1970
     * @param changedMs time of the last heartbeat with new work
     * @param last its last heartbeat
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

        /** Its key in the store. */
        @KVIndex
        @JsonIgnore
        public String key() {
            return key(last);
        }

        /** Returns the output tokens per second between its first heartbeat and the last one with new work. */
        double meanTokensPerS() {
            double seconds = (changedMs - firstMs) / MS_PER_S;
            return seconds <= 0 ? Double.NaN : last.done().outputTokens() / seconds;
        }
    }
}
