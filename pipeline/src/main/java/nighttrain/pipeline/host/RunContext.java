package nighttrain.pipeline.host;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import nighttrain.io.journal.Journal;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import org.apache.hadoop.fs.Path;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What executors must know about a run. Spark sends it with the run's tasks.
 *
 * @param runId the run's name
 * @param engine the run's engine
 * @param engines opens it
 * @param journalDir the journal of finished rows; null where rows are not journaled
 * @param hadoop the configuration of its file system; null without a journal
 */
public record RunContext(
        String runId,
        EngineKey engine,
        EngineFactory engines,
        String journalDir,
        Broadcast<SerializableConfiguration> hadoop)
        implements Serializable {
    /** Of a run that leaves nothing behind: neither rows nor the engine's counters. */
    public static RunContext withoutJournal(String runId, EngineKey engine, EngineFactory engines) {
        return new RunContext(runId, engine, engines, null, null);
    }

    boolean hasJournal() {
        return journalDir != null;
    }

    /** The journal, opened on this machine. */
    public Journal journal() {
        Path dir = new Path(journalDir);
        try {
            return new Journal(dir.getFileSystem(hadoop.value().value()), dir);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
