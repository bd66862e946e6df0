package nighttrain.io.journal;

import java.io.Closeable;

/** Appends rows to a journal. Used by one thread at a time; faults of the file system are {@link java.io.UncheckedIOException}. */
public interface JournalWriter<T> extends Closeable {
    /**
     * Takes a row; it is safe after the next {@link #flush} (which comes by itself when much is buffered), unless the writer
     * flushes on its own.
     */
    void append(T row);

    /**
     * Writes what was appended: on a file system that can flush it then survives the death of this process. On one that
     * cannot (S3), every flush ends a file, so calls within a few seconds of the last are put off to a later one.
     */
    void flush();

    /** Flushes and ends the file. */
    @Override
    void close();
}
