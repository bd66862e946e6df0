package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

class LauncherClassPathTest {
    /** No class refers to these libraries, so nothing fails without them on a machine without a GPU. */
    @Test
    void hasTheNativeLibrariesOfGpus() throws IOException {
        assertThat(Files.readString(Project.ROOT.resolve("jobs/target/classpath.txt")))
                .containsPattern("jcuda-natives-[0-9.]+-linux-x86_64\\.jar");
    }
}
