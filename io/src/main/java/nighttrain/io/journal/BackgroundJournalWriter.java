package nighttrain.io.journal;

import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;

/**
 * Hands rows to a thread of its own, so that a file system that takes seconds does not hold up who finishes them. That thread
 * writes whatever came while it wrote; how much may come is bounded, and whoever appends waits beyond that. What went wrong
 * there is thrown by the next call.
 */
final class BackgroundJournalWriter<T extends Record> implements JournalWriter<T> {
    static final int MAX_WAITING_ROWS = 8192;
    static final long MAX_WAITING_BYTES = 8L << 20;

    /** So many rows are worth a flush at once; fewer wait a moment for others. */
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

    /** Waits only where much is waiting already. */
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

    /** Waits for nothing: rows are flushed all the time. */
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

    @SuppressWarnings("WaitNotInLoop") // who calls it asks again
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

    /** A task that is killed while it ends keeps what it finished all the same. */
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
                // Without new rows too: an earlier flush may have been put off.
                writer.flush();
            }
        } catch (Throwable failed) {
            fail(failed);
        }
    }

    /** What came, after a moment for more to come. */
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

    /** Asked in one breath: a row that comes just before the end is among those that wait, whenever that is. */
    private synchronized boolean isDone() {
        return ending && waiting.isEmpty();
    }

    private synchronized void fail(Throwable failed) {
        fault = failed;
        notifyAll();
    }
}
