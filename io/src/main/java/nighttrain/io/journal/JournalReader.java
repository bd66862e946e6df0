package nighttrain.io.journal;

import java.io.Closeable;
import java.util.Iterator;

/** The rows of one journal file up to its last whole batch: a torn end, left by a killed writer, is no fault. */
public interface JournalReader<T> extends Iterator<T>, Closeable {
    @Override
    void close();
}
