package nighttrain.io.journal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;

/** Writes rows to Arrow IPC streams, one record batch per flush. */
final class ArrowJournalWriter<T extends Record> implements JournalWriter<T> {
    /** Number of buffered rows that are written without a flush, which bounds memory and the size of batches. */
    static final int MAX_BUFFERED_ROWS = 8192;

    static final long MAX_BUFFERED_BYTES = 8L << 20;

    private enum State {
        OPEN,
        FAILED,
        CLOSED
    }

    private final RollingFiles files;
    private final RowFormat<T> format;
    private final long rollIntervalNanos;
    private final LongSupplier nanoClock;
    private final BufferAllocator allocator = new RootAllocator();
    private final VectorSchemaRoot root;
    private int rows;
    private long bytes;
    private FSDataOutputStream out;
    private ArrowStreamWriter stream;
    private long lastRollNanos;
    private State state = State.OPEN;

    ArrowJournalWriter(RollingFiles files, RowFormat<T> format, Duration rollInterval, LongSupplier nanoClock) {
        this.files = files;
        this.format = format;
        this.rollIntervalNanos = rollInterval.toNanos();
        this.nanoClock = nanoClock;
        this.root = VectorSchemaRoot.create(format.schema(), allocator);
        this.lastRollNanos = nanoClock.getAsLong() - rollIntervalNanos;
    }

    @Override
    public void append(T row) {
        checkUsable();
        bytes += format.write(row, root, rows);
        rows++;
        if (rows >= MAX_BUFFERED_ROWS || bytes >= MAX_BUFFERED_BYTES) {
            write();
        }
    }

    @Override
    public void flush() {
        checkUsable();
        // No file is open: the file system cannot flush in place, or this is the first file. Then files roll only so
        // often.
        if (out == null && nanoClock.getAsLong() - lastRollNanos < rollIntervalNanos) {
            return;
        }
        write();
    }

    private void checkUsable() {
        if (state != State.OPEN) {
            throw new IllegalStateException("journal writer is " + state + ": " + files);
        }
    }

    private void write() {
        if (rows == 0) {
            return;
        }
        try {
            if (out == null) {
                open();
            }
            root.setRowCount(rows);
            stream.writeBatch();
            root.clear();
            rows = 0;
            bytes = 0;
            if (out.hasCapability(StreamCapabilities.HFLUSH)) {
                out.hflush();
            } else {
                endFile();
                lastRollNanos = nanoClock.getAsLong();
            }
        } catch (IOException | FSError e) {
            // The file may now end in half a batch: anything written after it could never be read.
            state = State.FAILED;
            throw new UncheckedIOException("cannot write the journal: " + files, JournalFileSystem.fault(e));
        }
    }

    private void open() throws IOException {
        out = files.create();
        stream = new ArrowStreamWriter(root, null, out);
        stream.start();
    }

    private void endFile() throws IOException {
        // Not stream.close(): that also closes the columns, which the next file still uses.
        FSDataOutputStream ending = out;
        ArrowStreamWriter endingStream = stream;
        out = null;
        stream = null;
        try (ending) {
            endingStream.end();
        }
    }

    @Override
    public void close() {
        if (state == State.CLOSED) {
            return;
        }
        try (allocator;
                root;
                FSDataOutputStream last = out) {
            if (state == State.OPEN) {
                write();
                if (out != null) {
                    endFile();
                }
            }
        } catch (IOException | FSError e) {
            throw new UncheckedIOException("cannot end the journal: " + files, JournalFileSystem.fault(e));
        } finally {
            state = State.CLOSED;
        }
    }

    /** The files of one writer, {@code <prefix><writer>-<number>.arrows}: each is new, and none is ever overwritten. */
    static final class RollingFiles {
        private final FileSystem fs;
        private final Path dir;
        private final String stem;
        private int number;

        RollingFiles(FileSystem fs, Path dir, String prefix, String writerName) {
            if (!writerName.matches("[A-Za-z0-9._-]+")) {
                throw new IllegalArgumentException("writer name: " + writerName + " (letters, digits, . _ - only)");
            }
            this.fs = JournalFileSystem.raw(fs);
            this.dir = dir;
            this.stem = prefix + writerName + "-";
        }

        /** Creates the next file. A file of the same name from an earlier run is kept, and the next number is used. */
        FSDataOutputStream create() throws IOException {
            Path file = next();
            while (fs.exists(file)) {
                file = next();
            }
            return fs.create(file, false);
        }

        private Path next() {
            return new Path(dir, stem + String.format("%05d", number++) + JournalFileSystem.SUFFIX);
        }

        @Override
        public String toString() {
            return new Path(dir, stem + "*" + JournalFileSystem.SUFFIX).toString();
        }
    }
}
