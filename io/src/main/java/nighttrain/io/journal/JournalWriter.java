package nighttrain.io.journal;

import java.io.Closeable;

/** Appends rows to a journal. Used by one thread at a time; faults of the file system are thrown as {@link java.io.UncheckedIOException}. */
public interface JournalWriter<T> extends Closeable {
    /**
     * Appends a row; it is safe after the next {@link #flush}, which happens by itself when much is buffered, unless the writer flushes continuously.
     */
    void append(T row);

    /**
     * Writes the appended rows: on a file system that can flush, they then survive a crash of this process. On one that cannot (S3), every flush ends
     * a file, so calls within a few seconds of the last are deferred.
     */
    void flush();

    /** Flushes and ends the file. */
    @Override
    void close();
}
