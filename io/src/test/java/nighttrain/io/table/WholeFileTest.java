package nighttrain.io.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WholeFileTest {
    @TempDir
    Path dir;

    private void write(FileSystem fs, String text) throws IOException {
        WholeFile.write(fs, new org.apache.hadoop.fs.Path(dir + "/a.json"), text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aCrashKeepsTheOldContent() throws IOException {
        FileSystem local = FileSystem.getLocal(new Configuration());
        write(local, "old");
        assertThatThrownBy(() -> write(new DiesAtRename(), "new")).hasMessage("died");
        assertThat(dir.resolve("a.json")).hasContent("old");
        write(local, "new");
        assertThat(dir.resolve("a.json")).hasContent("new");
    }

    @Test
    void aStoreThatCannotReplaceAFile() throws IOException {
        FileSystem store = new RefusesToReplace();
        write(store, "old");
        write(store, "new");
        assertThat(dir.resolve("a.json")).hasContent("new");
        assertThat(Files.list(dir)).hasSize(1);
    }

    private static final class DiesAtRename extends RawLocalFileSystem {
        DiesAtRename() throws IOException {
            initialize(URI.create("file:///"), new Configuration());
        }

        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            throw new IOException("died");
        }
    }

    private static final class RefusesToReplace extends RawLocalFileSystem {
        RefusesToReplace() throws IOException {
            initialize(getUri(), new Configuration());
        }

        @Override
        public URI getUri() {
            return URI.create("store:///");
        }

        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            return !exists(to) && super.rename(from, to);
        }
    }
}
