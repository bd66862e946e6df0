package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

class LauncherClassPathTest {
    /** No class names them, so nothing fails without them where there is no GPU. */
    @Test
    void hasTheNativeLibrariesOfGpus() throws IOException {
        assertThat(Files.readString(Project.ROOT.resolve("jobs/target/classpath.txt")))
                .containsPattern("jcuda-natives-[0-9.]+-linux-x86_64\\.jar");
    }
}
