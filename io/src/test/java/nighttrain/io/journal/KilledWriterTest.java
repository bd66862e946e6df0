package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kills a writer's process as {@code kill -9} does and checks that every flushed row is there. */
class KilledWriterTest {
    private static final int FLUSHES_BEFORE_DEATH = 40;

    @TempDir
    java.nio.file.Path dir;

    /** Main class of the child: writes forever and prints after each flush how many rows are safe. */
    public static final class Child {
        private Child() {}

        public static void main(String[] arguments) throws IOException {
            Journal journal = new Journal(Rows.localFileSystem(), new Path(arguments[0]));
            try (JournalWriter<ResultRow> results = journal.results("child")) {
                for (long row = 0; row < Long.MAX_VALUE; ) {
                    for (int i = 0; i < 17; i++) {
                        results.append(Rows.row(row++));
                    }
                    results.flush();
                    System.out.println(row);
                    results.append(Rows.row(row++));
                }
            }
        }
    }

    @Test
    void whatWasFlushedIsThere() throws IOException, InterruptedException {
        long safe = 0;
        Process child = start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            for (int i = 0; i < FLUSHES_BEFORE_DEATH; i++) {
                safe = Long.parseLong(out.readLine());
            }
        } finally {
            child.destroyForcibly();
        }
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).as("killed").isEqualTo(128 + 9);
        FileSystem fs = Rows.localFileSystem();
        Journal journal = new Journal(fs, new Path(dir.toUri()));
        assertThat(journal.resultFiles()).hasSize(1);
        List<Long> rows = Rows.rowNumbers(fs, journal.resultFiles().get(0).getPath());
        assertThat(rows).hasSizeGreaterThanOrEqualTo((int) safe);
        assertThat(rows).isEqualTo(LongStream.range(0, rows.size()).boxed().toList());
    }

    private Process start() throws IOException {
        List<String> command = new ArrayList<>(List.of(
                java.nio.file.Path.of(System.getProperty("java.home"), "bin", "java")
                        .toString(),
                "-Xmx256m",
                "-XX:-UsePerfData", // JVMs that start at once may warn of it on stdout
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-Dio.netty.tryReflectionSetAccessible=true",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Child.class.getName(),
                dir.toUri().toString()));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }
}
