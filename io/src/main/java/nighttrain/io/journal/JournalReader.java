package nighttrain.io.journal;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.NoSuchElementException;
import nighttrain.io.UserError;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Reads the rows of one journal file up to its last whole batch, one batch in memory at a time: a torn end, left by a killed writer, is not an error.
 */
public final class JournalReader<T extends Record> implements Iterator<T>, Closeable {
    private final Path file;
    private final RowFormat<T> format;
    private final BufferAllocator allocator = new RootAllocator();
    private final EndAwareInputStream in;
    private final ArrowStreamReader stream;
    private FieldVector[] columns;
    private int batchRows;
    private int nextRow;
    private boolean ended;

    JournalReader(FileSystem fs, Path file, RowFormat<T> format) {
        this.file = file;
        this.format = format;
        try {
            in = new EndAwareInputStream(
                    new BufferedInputStream(JournalFileSystem.raw(fs).open(file), 1 << 16));
        } catch (IOException e) {
            allocator.close();
            throw new UncheckedIOException("cannot open the journal: " + file, e);
        }
        stream = new ArrowStreamReader(in, allocator);
    }

    @Override
    public boolean hasNext() {
        while (!ended && nextRow == batchRows) {
            ended = !loadBatch();
        }
        return !ended;
    }

    @Override
    public T next() {
        if (!hasNext()) {
            throw new NoSuchElementException(file.toString());
        }
        return format.read(columns, nextRow++);
    }

    private boolean loadBatch() {
        try {
            if (columns == null) {
                columns = format.vectors(checked(stream.getVectorSchemaRoot()));
            }
            nextRow = 0;
            batchRows = 0;
            if (!stream.loadNextBatch()) {
                return false;
            }
            batchRows = stream.getVectorSchemaRoot().getRowCount();
            return true;
        } catch (UserError e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The file of a killed writer ends in the middle of a message, which Arrow reports in several ways; any
            // other fault is real.
            if (in.reachedEnd()) {
                return false;
            }
            throw new UncheckedIOException("cannot read the journal: " + file, asIoException(e));
        }
    }

    private static IOException asIoException(Exception e) {
        return e instanceof IOException io ? io : new IOException("damaged: " + e.getMessage(), e);
    }

    private VectorSchemaRoot checked(VectorSchemaRoot root) {
        if (!format.reads(root.getSchema())) {
            throw UserError.of(
                    "journal of another version",
                    file,
                    "its columns are not this version's; finish the job with the version that began it, or start"
                            + " over with --overwrite");
        }
        return root;
    }

    @Override
    public void close() {
        try (allocator;
                stream) {
            ended = true;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot close the journal: " + file, e);
        }
    }

    /** Records whether the end of the file was reached, which distinguishes a torn file from a failing disk. */
    private static final class EndAwareInputStream extends FilterInputStream {
        private boolean reachedEnd;

        EndAwareInputStream(InputStream in) {
            super(in);
        }

        boolean reachedEnd() {
            return reachedEnd;
        }

        @Override
        public int read() throws IOException {
            int value = super.read();
            reachedEnd |= value < 0;
            return value;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int count = super.read(target, offset, length);
            reachedEnd |= count < 0;
            return count;
        }
    }
}
