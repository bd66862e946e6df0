package nighttrain.io.journal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import nighttrain.io.table.RowAttempt;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;

/**
 * Which rows one attempt of a task has in flight, on disk before they are offered: what still lies there when the attempt is
 * gone died with it. One JSON object a line; a file that has grown is replaced by one of the rows that are in flight now, so
 * that all of them stay small. Used by one thread.
 */
public final class AttemptLog implements Closeable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MOST_LINES = 4096;
    /** Where a flush ends a file, as on S3, rows are written down this often at most; those that have no company at once. */
    private static final long INTERVAL_NANOS = Duration.ofSeconds(10).toNanos();

    private final FileSystem fs;
    private final Path dir;
    private final String writerName;
    private final Set<RowAttempt> inFlight = new LinkedHashSet<>();
    private FSDataOutputStream out;
    private Path file;
    private int files;
    private int lines;
    private long writtenNanos = System.nanoTime() - INTERVAL_NANOS;

    /** {@code writerName} tells attempts apart: letters, digits, {@code . _ -}. */
    public AttemptLog(Journal journal, String writerName) {
        this.fs = JournalFileSystem.raw(journal.fs());
        this.dir = journal.dir();
        this.writerName = writerName;
    }

    /** These are taken up: on disk when this returns, where the file system can flush. */
    public void begin(Collection<RowAttempt> rows) {
        // Whoever was in flight before is finished, and must not be taken for one that dies with these.
        boolean anew = inFlight.isEmpty();
        inFlight.addAll(rows);
        try {
            if (out != null && !anew && lines < MOST_LINES) {
                write(rows);
            } else if (out != null || anew || System.nanoTime() - writtenNanos >= INTERVAL_NANOS) {
                replace();
            }
        } catch (IOException | FSError e) {
            throw new UncheckedIOException("cannot write the journal: " + name(), JournalFileSystem.fault(e));
        }
    }

    /** This one is finished and journaled. */
    public void end(RowAttempt row) {
        inFlight.remove(row);
    }

    /** The attempt ends in good order: rows in flight, if any, are given back. */
    public void release() {
        Set<RowAttempt> back = new LinkedHashSet<>();
        for (RowAttempt row : inFlight) {
            back.add(new RowAttempt(row.file(), row.row(), row.sample(), row.alone(), true));
        }
        inFlight.clear();
        inFlight.addAll(back);
        try {
            replace();
        } catch (IOException | FSError e) {
            throw new UncheckedIOException("cannot end the journal: " + name(), JournalFileSystem.fault(e));
        }
    }

    /**
     * Puts a file of what is in flight in the place of the one before. That goes in any case: on a full disk rows are rather
     * not counted than held to have seen a death.
     */
    private void replace() throws IOException {
        Path old = file;
        try {
            close();
            file = null;
            if (!inFlight.isEmpty()) {
                file = name().suffix("-" + files++ + AttemptFiles.SUFFIX);
                out = fs.create(file, false);
                lines = 0;
                write(inFlight);
            }
        } finally {
            if (old != null) {
                fs.delete(old, false);
            }
        }
    }

    private Path name() {
        return new Path(dir, AttemptFiles.PREFIX + writerName);
    }

    private void write(Collection<RowAttempt> rows) throws IOException {
        for (RowAttempt row : rows) {
            out.write(line(row));
            lines++;
        }
        if (out.hasCapability(StreamCapabilities.HFLUSH)) {
            out.hflush();
        } else {
            close();
        }
        writtenNanos = System.nanoTime();
    }

    private static byte[] line(RowAttempt row) throws JsonProcessingException {
        return (JSON.writeValueAsString(row) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Ends the file and leaves it where it is: what it names is in flight still, or died. */
    @Override
    public void close() throws IOException {
        FSDataOutputStream ending = out;
        out = null;
        try {
            if (ending != null) {
                ending.close();
            }
        } catch (FSError e) {
            throw JournalFileSystem.fault(e);
        }
    }
}
