package nighttrain.pipeline.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.UserError;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobLockTest {
    @TempDir
    Path dir;

    private JobFolder folder;

    @BeforeEach
    void folder() throws IOException {
        folder = new JobFolder(FileSystem.getLocal(new Configuration()), new org.apache.hadoop.fs.Path(dir.toUri()));
        Files.createDirectories(dir.resolve("_nighttrain"));
    }

    /** A run that is killed while it writes its claim leaves an empty file. */
    @Test
    void aClaimThatStaysTornIsOfADeadRun() throws IOException {
        Path torn = dir.resolve("_nighttrain/lock-20260101T000000000-000000.json");
        Files.writeString(torn, "");

        try (JobLock lock = JobLock.take(folder, "20260102T000000000-000000")) {
            assertThat(lock.run()).isEqualTo("20260102T000000000-000000");
            assertThat(torn).doesNotExist();
        }
    }

    @Test
    void aLivingRunHasIt() {
        try (JobLock elder = JobLock.take(folder, "20260101T000000000-000000")) {
            assertThatThrownBy(() -> JobLock.take(folder, "20260102T000000000-000000"))
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith("output is in use: ")
                    .hasMessageContaining("by run " + elder.run() + ", process "
                            + ProcessHandle.current().pid() + " on ");
        }
    }
}
