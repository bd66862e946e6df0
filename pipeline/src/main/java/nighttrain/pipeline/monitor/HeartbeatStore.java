package nighttrain.pipeline.monitor;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.RunStarted;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.util.kvstore.KVStore;
import org.apache.spark.util.kvstore.KVStoreIterator;

/** What runs and executors tell, in the store behind Spark's UI: one entry each, overwritten, live as from the event log. */
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

    /** The latest first. */
    List<RunStarted> runs() {
        return all(StoredRun.class).stream()
                .map(StoredRun::started)
                .sorted(Comparator.comparing(RunStarted::atMs).reversed())
                .toList();
    }

    /** Those of a run, by number; {@link Heartbeat#ALL} is among them once the run has ended. */
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
}
