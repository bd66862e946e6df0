package nighttrain.io.journal;

import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;

/**
 * Passes rows to a thread of its own, so that a file system that takes seconds does not delay the caller. That thread writes all rows that arrived
 * during the previous write; their number is bounded, and {@link #append} waits beyond it. The next call throws the failure of that thread, if any.
 */
final class BackgroundJournalWriter<T extends Record> implements JournalWriter<T> {
    static final int MAX_WAITING_ROWS = 8192;
    static final long MAX_WAITING_BYTES = 8L << 20;

    /** Number of waiting rows that are flushed at once; fewer wait a moment for others. */
    private static final int FLUSH_ROWS = 256;

    private static final long FLUSH_NANOS = TimeUnit.MILLISECONDS.toNanos(25);

    private final JournalWriter<T> writer;
    private final RowFormat<T> format;
    private final Thread thread;
    private final Queue<T> waiting = new ArrayDeque<>();
    private long waitingBytes;
    private boolean ending;
    private Throwable fault;

    BackgroundJournalWriter(JournalWriter<T> writer, RowFormat<T> format, String name) {
        this.writer = writer;
        this.format = format;
        this.thread = new Thread(this::write, "night-train-journal-" + name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Waits only where the queue is full. */
    @Override
    public synchronized void append(T row) {
        if (ending) {
            throw new IllegalStateException("journal writer is CLOSED: " + thread.getName());
        }
        long bytes = format.bytes(row);
        while (isFull(bytes)) {
            refuseFailed();
            awaitRoom();
        }
        refuseFailed();
        waiting.add(row);
        waitingBytes += bytes;
        if (waiting.size() == FLUSH_ROWS) {
            notifyAll();
        }
    }

    /** Does not wait: rows are flushed continuously. */
    @Override
    public synchronized void flush() {
        refuseFailed();
    }

    @Override
    public void close() {
        synchronized (this) {
            ending = true;
            notifyAll();
        }
        join();
        synchronized (this) {
            refuseFailed();
        }
    }

    private boolean isFull(long moreBytes) {
        return !waiting.isEmpty()
                && (waiting.size() >= MAX_WAITING_ROWS || waitingBytes + moreBytes > MAX_WAITING_BYTES);
    }

    @SuppressWarnings("WaitNotInLoop") // the caller checks the condition again
    private void awaitRoom() {
        try {
            wait();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new UncheckedIOException(new InterruptedIOException("stopped while the journal was written"));
        }
    }

    private void refuseFailed() {
        if (fault instanceof UncheckedIOException io) {
            throw new UncheckedIOException(io.getMessage(), io.getCause());
        }
        if (fault != null) {
            throw new IllegalStateException("the journal's writer failed", fault);
        }
    }

    /** Waits for the thread even when interrupted: a task that is killed while it ends keeps its finished rows. */
    private void join() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException later) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void write() {
        try (writer) {
            while (!isDone()) {
                take().forEach(writer::append);
                // Flushes without new rows, too: an earlier flush may have been deferred.
                writer.flush();
            }
        } catch (Throwable failed) {
            fail(failed);
        }
    }

    /** Returns the waiting rows, after a moment in which more may arrive. */
    private synchronized List<T> take() throws InterruptedException {
        long end = System.nanoTime() + FLUSH_NANOS;
        long left = FLUSH_NANOS;
        while (!ending && waiting.size() < FLUSH_ROWS && left > 0) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
            left = end - System.nanoTime();
        }
        List<T> rows = new ArrayList<>(waiting);
        waiting.clear();
        waitingBytes = 0;
        notifyAll();
        return rows;
    }

    /** Checks both conditions in one step: a row that arrives just before the end is always among the waiting ones. */
    private synchronized boolean isDone() {
        return ending && waiting.isEmpty();
    }

    private synchronized void fail(Throwable failed) {
        fault = failed;
        notifyAll();
    }
}
