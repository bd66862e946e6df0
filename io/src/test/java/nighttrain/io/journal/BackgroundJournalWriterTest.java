package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import nighttrain.io.rows.ResultRow;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class BackgroundJournalWriterTest {
    private static final int MOST = BackgroundJournalWriter.MAX_WAITING_ROWS;

    private static final int TASKS = 256;
    private static final int WRITERS = 10;

    private final Disk disk = new Disk();

    /** Blocks in every flush until {@code go} is counted down; then fails if {@code broken}. */
    private static final class Disk implements JournalWriter<ResultRow> {
        final List<Long> rows = new CopyOnWriteArrayList<>();
        final AtomicInteger flushes = new AtomicInteger();
        final CountDownLatch go = new CountDownLatch(1);
        volatile boolean broken;
        volatile boolean closed;

        @Override
        public void append(ResultRow row) {
            rows.add(row.row());
        }

        @Override
        public void flush() {
            flushes.incrementAndGet();
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            if (broken) {
                throw new UncheckedIOException("cannot write the journal: disk", new IOException("it is full"));
            }
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private JournalWriter<ResultRow> writer() {
        return new BackgroundJournalWriter<>(disk, RowFormat.RESULTS, "test");
    }

    @Test
    void rowsGoOnWhileAFlushTakesLongAndKeepTheirOrder() {
        try (JournalWriter<ResultRow> writer = writer()) {
            for (int i = 0; i < MOST; i++) {
                writer.append(Rows.row(i));
                writer.flush();
            }
            assertThat(disk.flushes).hasValueLessThanOrEqualTo(1);
            disk.go.countDown();
        }
        assertThat(disk.closed).isTrue();
        assertThat(disk.rows)
                .isEqualTo(IntStream.range(0, MOST).mapToObj(i -> (long) i).toList());
    }

    @Test
    void moreThanMayWaitWaits() throws InterruptedException {
        AtomicInteger appended = new AtomicInteger();
        try (JournalWriter<ResultRow> writer = writer()) {
            Thread appending = new Thread(() -> {
                for (int i = 0; i < 3 * MOST; i++) {
                    writer.append(Rows.row(i));
                    appended.incrementAndGet();
                }
            });
            appending.start();
            while (appending.getState() != Thread.State.WAITING) {
                Thread.sleep(10);
            }
            assertThat(appended.get()).isBetween(MOST, 2 * MOST);
            disk.go.countDown();
            appending.join();
        }
        assertThat(disk.rows).hasSize(3 * MOST);
    }

    @Test
    void longRowsWaitSooner() throws InterruptedException {
        AtomicInteger appended = new AtomicInteger();
        String megabyte = "x".repeat(1 << 20);
        try (JournalWriter<ResultRow> writer = writer()) {
            Thread appending = new Thread(() -> {
                for (int i = 0; i < 40; i++) {
                    writer.append(Rows.row(i, megabyte));
                    appended.incrementAndGet();
                }
            });
            appending.start();
            while (appending.getState() != Thread.State.WAITING) {
                Thread.sleep(10);
            }
            assertThat(appended.get()).isBetween(7, 16);
            disk.go.countDown();
            appending.join();
        }
        assertThat(disk.rows).hasSize(40);
    }

    @Test
    void aFlushThatWasPutOffGetsItsTurnWithoutNewRows() throws InterruptedException {
        disk.go.countDown();
        try (JournalWriter<ResultRow> writer = writer()) {
            writer.append(Rows.row(0));
            while (disk.flushes.get() < 3) {
                Thread.sleep(10);
            }
        }
        assertThat(disk.rows).hasSize(1);
    }

    /** The writer's thread checks for rows every 25 ms: here rows arrive at that time, and the end right after them. */
    @Test
    @Timeout(60)
    void aRowJustBeforeTheEndIsWritten() throws Exception {
        disk.go.countDown();
        ExecutorService tasks = Executors.newFixedThreadPool(TASKS);
        List<Future<?>> ends = IntStream.range(0, TASKS)
                .<Future<?>>mapToObj(task -> tasks.submit(this::writeRowsThatComeJustBeforeTheEnd))
                .toList();
        for (Future<?> end : ends) {
            end.get();
        }
        tasks.shutdown();
        assertThat(disk.rows).hasSize(TASKS * WRITERS);
    }

    private void writeRowsThatComeJustBeforeTheEnd() {
        for (int i = 0; i < WRITERS; i++) {
            try (JournalWriter<ResultRow> writer = writer()) {
                LockSupport.parkNanos(25_000_000L + ThreadLocalRandom.current().nextInt(1_000_000));
                writer.append(Rows.row(i));
            }
        }
    }

    @Test
    void whatWentWrongIsToldByTheNextCall() throws InterruptedException {
        disk.broken = true;
        disk.go.countDown();
        JournalWriter<ResultRow> writer = writer();
        writer.append(Rows.row(0));
        while (!disk.closed) {
            Thread.sleep(10);
        }
        assertThatThrownBy(() -> {
                    while (true) {
                        writer.flush();
                        Thread.sleep(1);
                    }
                })
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot write the journal: disk")
                .hasRootCauseMessage("it is full");
        assertThatThrownBy(() -> writer.append(Rows.row(1))).hasMessage("cannot write the journal: disk");
        assertThatThrownBy(writer::close).hasMessage("cannot write the journal: disk");
        assertThatThrownBy(() -> writer.append(Rows.row(2)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("journal writer is CLOSED");
    }
}
