package nighttrain.io.journal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;

/**
 * The rows that one attempt of a task has in flight, on disk before they are offered to the engine. Rows still in the log when the attempt is gone,
 * unless released, were in flight when it crashed. One JSON object a line; a file that has grown is replaced by one with the rows in flight now, so
 * that all files stay small. Used by one thread.
 */
public final class AttemptLog implements Closeable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PREFIX = "tries-";
    private static final String SUFFIX = ".jsonl";
    private static final int MOST_LINES = 4096;
    /** Where a flush ends a file, as on S3, rows are written at most this often; rows without others in flight are written at once. */
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

    /** {@code writerName} distinguishes attempts: letters, digits, {@code . _ -}. */
    public AttemptLog(Journal journal, String writerName) {
        this.fs = JournalFileSystem.raw(journal.fs());
        this.dir = journal.dir();
        this.writerName = writerName;
    }

    /** Adds rows in flight: they are on disk when this returns, where the file system can flush. */
    public void begin(Collection<RowAttempt> rows) {
        // Earlier rows are finished, and must not be counted as in flight if the executor crashes with these.
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

    /** Removes a row that is finished and journaled. */
    public void end(RowAttempt row) {
        inFlight.remove(row);
    }

    /** Ends the attempt in order: rows in flight, if any, are marked as released. */
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
     * Replaces the file by one with the rows in flight. The old file is deleted in any case: on a full disk it is better to miss a crashed row than
     * to count an uninvolved one.
     */
    private void replace() throws IOException {
        Path old = file;
        try {
            close();
            file = null;
            if (!inFlight.isEmpty()) {
                file = name().suffix("-" + files++ + SUFFIX);
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
        return new Path(dir, PREFIX + writerName);
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

    /** Ends the file and keeps it: its rows are still in flight, or their attempt crashed. */
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

    /** Returns the files of attempts whose name begins with {@code writers}; none where the folder does not exist. */
    public static List<Path> files(Journal journal, String writers) {
        try {
            FileStatus[] found = JournalFileSystem.raw(journal.fs())
                    .listStatus(
                            journal.dir(),
                            path -> path.getName().startsWith(PREFIX + writers)
                                    && path.getName().endsWith(SUFFIX));
            return Arrays.stream(found).map(FileStatus::getPath).sorted().toList();
        } catch (FileNotFoundException noFolder) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list the journal: " + journal.dir(), e);
        }
    }

    /** Returns the rows of one file; half a line at its end, left by a killed writer, is ignored. */
    public static List<RowAttempt> read(FileSystem fs, Path file) {
        List<RowAttempt> rows = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(JournalFileSystem.raw(fs).open(file), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                rows.add(JSON.readValue(line, RowAttempt.class));
            }
        } catch (JsonProcessingException torn) {
            return rows;
        } catch (FileNotFoundException replaced) {
            return List.of(); // its writer replaced it after it was listed
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the journal: " + file, e);
        }
        return rows;
    }

    /**
     * A row that was in flight when its task ended.
     *
     * @param file the input file, relative to the input root
     * @param row position in that file, from 0
     * @param sample which of the {@code n} completions, from 0
     * @param alone whether it was the only row in flight on its executor
     * @param released whether its task released it in order; otherwise its executor crashed
     */
    public record RowAttempt(String file, long row, int sample, boolean alone, boolean released) {
        public RowAttempt {
            Objects.requireNonNull(file, "file");
        }
    }
}
