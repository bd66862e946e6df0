package nighttrain.pipeline.feed;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.table.ResultRow;
import nighttrain.pipeline.engine.RunContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.TaskContext;

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

    static TaskJournal open(RunContext run, TaskContext task) {
        return new TaskJournal(run.journal().results(prefix(run, task) + task.taskAttemptId()));
    }

    /** What earlier attempts of this task finished in this run; what earlier runs finished never reaches a task. */
    static Set<PromptRow.Key> finishedBefore(RunContext run, TaskContext task) {
        Set<PromptRow.Key> keys = new HashSet<>();
        if (task.attemptNumber() == 0 && task.stageAttemptNumber() == 0) {
            return keys;
        }
        Journal journal = run.journal();
        for (FileStatus file : journal.resultFiles()) {
            if (file.getPath().getName().contains(prefix(run, task))) {
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

    private static String prefix(RunContext run, TaskContext task) {
        return String.format("%s-p%05d-", run.runId(), task.partitionId());
    }
}
