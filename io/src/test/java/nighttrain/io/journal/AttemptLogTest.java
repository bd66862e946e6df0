package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttemptLogTest {
    @TempDir
    java.nio.file.Path dir;

    private Journal journal;

    @BeforeEach
    void open() throws IOException {
        journal = new Journal(FileSystem.getLocal(new Configuration()), new Path(dir.toUri()));
    }

    @Test
    void whatIsInFlightIsThereWhenItsWriterIsGone() {
        AttemptLog log = new AttemptLog(journal, "run-p1-0"); // never closed, as if killed
        log.begin(List.of(row(0), row(1)));
        log.begin(List.of(row(2)));
        assertThat(left("run-")).containsExactly(row(0), row(1), row(2));
        assertThat(left("other-")).isEmpty();
    }

    @Test
    void nothingIsLeftOfAnAttemptThatFinishedItsRows() throws IOException {
        try (AttemptLog log = new AttemptLog(journal, "a")) {
            log.begin(List.of(row(0), row(1)));
            log.end(row(1));
            log.end(row(0));
            log.release();
        }
        assertThat(AttemptLog.files(journal, "")).isEmpty();
    }

    @Test
    void whatIsGivenBackIsToldFromWhatDied() throws IOException {
        try (AttemptLog log = new AttemptLog(journal, "a")) {
            log.begin(List.of(row(0), row(1)));
            log.end(row(0));
            log.release();
        }
        assertThat(left("a")).containsExactly(new RowAttempt("f, \"1\".parquet", 1, 0, false, true));
    }

    /** Else the finished row would be taken for one that crashed its executor while isolated. */
    @Test
    void whoIsFinishedIsNotThereWithTheNextThatIsAlone() {
        AttemptLog log = new AttemptLog(journal, "a");
        log.begin(List.of(row(0)));
        log.end(row(0));
        log.begin(List.of(row(1)));
        assertThat(left("a")).containsExactly(row(1));
    }

    @Test
    void filesStaySmallHoweverManyRowsThereAre() {
        AttemptLog log = new AttemptLog(journal, "a");
        for (int row = 0; row < 50_000; row++) {
            log.begin(List.of(row(row)));
            log.end(row(row - 9));
        }
        assertThat(AttemptLog.files(journal, "")).hasSize(1);
        List<RowAttempt> left = left("a");
        assertThat(left)
                .hasSizeLessThan(5000)
                .containsAll(IntStream.range(49_992, 50_000)
                        .mapToObj(AttemptLogTest::row)
                        .toList());
    }

    @Test
    void halfALineAtTheEndIsNoRow() throws IOException {
        new AttemptLog(journal, "a").begin(List.of(row(0)));
        java.nio.file.Path file =
                dir.resolve(AttemptLog.files(journal, "a").get(0).getName());
        Files.writeString(file, "{\"file\":\"f\",\"ro", StandardOpenOption.APPEND);
        assertThat(left("a")).containsExactly(row(0));
    }

    private List<RowAttempt> left(String writers) {
        return AttemptLog.files(journal, writers).stream()
                .flatMap(file -> AttemptLog.read(journal.fs(), file).stream())
                .toList();
    }

    private static RowAttempt row(int row) {
        return new RowAttempt("f, \"1\".parquet", row, 0, false, false);
    }
}
