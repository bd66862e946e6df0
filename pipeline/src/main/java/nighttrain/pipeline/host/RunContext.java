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
 * The facts about a run that executors need. Spark sends them with the run's tasks.
 *
 * @param runId the run's name
 * @param engine key of the run's engine
 * @param engines opens the engine
 * @param journalDir the journal of finished rows; null where rows are not journaled
 * @param hadoop the configuration of the journal's file system; null without a journal
 */
public record RunContext(
        String runId,
        EngineKey engine,
        EngineFactory engines,
        String journalDir,
        Broadcast<SerializableConfiguration> hadoop)
        implements Serializable {
    /** Returns the context of a run that writes neither rows nor the engine's counters. */
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
