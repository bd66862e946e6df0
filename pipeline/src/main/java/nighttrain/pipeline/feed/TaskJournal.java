package nighttrain.pipeline.feed;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.table.ResultRow;
import org.apache.hadoop.fs.FileStatus;

/** What one attempt of a task finishes, and what its earlier attempts had finished. */
final class TaskJournal implements AutoCloseable {
    private static final int FLUSH_ROWS = 256;
    private static final long FLUSH_NANOS = Duration.ofMillis(25).toNanos();

    private final JournalWriter<ResultRow> writer;
    private int unflushed;
    private long flushedNanos = System.nanoTime();

    private TaskJournal(JournalWriter<ResultRow> writer) {
        this.writer = writer;
    }

    static TaskJournal open(Attempt attempt) {
        return new TaskJournal(attempt.run().journal().results(attempt.name()));
    }

    /** What earlier attempts of this task finished in this run; what earlier runs finished never reaches a task. */
    static Set<PromptRow.Key> finishedBefore(Attempt attempt) {
        Set<PromptRow.Key> keys = new HashSet<>();
        if (attempt.isFirst()) {
            return keys;
        }
        Journal journal = attempt.run().journal();
        for (FileStatus file : journal.resultFiles()) {
            if (file.getPath().getName().contains(attempt.taskName())) {
                try (JournalReader<ResultRow> rows = Journal.read(journal.fs(), file.getPath())) {
                    rows.forEachRemaining(row -> keys.add(new PromptRow.Key(row.file(), row.row(), row.sample())));
                }
            }
        }
        return keys;
    }

    void append(ResultRow row) {
        writer.append(row);
        unflushed++;
        if (unflushed >= FLUSH_ROWS) {
            flush();
        }
    }

    /** No more rows for the moment: a good time to make those that came safe. */
    void pause() {
        if (unflushed > 0 && System.nanoTime() - flushedNanos >= FLUSH_NANOS) {
            flush();
        }
    }

    private void flush() {
        writer.flush();
        unflushed = 0;
        flushedNanos = System.nanoTime();
    }

    @Override
    public void close() {
        writer.close();
    }
}
