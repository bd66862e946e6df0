package nighttrain.pipeline.host;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import nighttrain.io.journal.Journal;
import org.apache.hadoop.fs.Path;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What executors must know of one run of a job; travels with its tasks.
 *
 * @param runId the run's name
 * @param engine the engine that it wants
 * @param engines how that is opened
 * @param journalDir where finished rows go
 * @param hadoop how to reach that
 */
public record RunContext(
        String runId,
        EngineKey engine,
        EngineFactory engines,
        String journalDir,
        Broadcast<SerializableConfiguration> hadoop)
        implements Serializable {
    /** The journal, as seen from here. */
    public Journal journal() {
        Path dir = new Path(journalDir);
        try {
            return new Journal(dir.getFileSystem(hadoop.value().value()), dir);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
