package nighttrain.io.journal;

import java.io.IOException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** One writer's files, {@code <prefix><writer>-<number>.arrows}: each is new, none is ever written over. */
final class RollingFiles {
    private final FileSystem fs;
    private final Path dir;
    private final String stem;
    private int number;

    RollingFiles(FileSystem fs, Path dir, String prefix, String writerName) {
        if (!writerName.matches("[A-Za-z0-9._-]+")) {
            throw new IllegalArgumentException("writer name: " + writerName + " (letters, digits, . _ - only)");
        }
        this.fs = JournalFileSystem.raw(fs);
        this.dir = dir;
        this.stem = prefix + writerName + "-";
    }

    /** Creates the next file. An earlier run's of the same name stays as it is, and the next number is taken. */
    FSDataOutputStream create() throws IOException {
        Path file = next();
        while (fs.exists(file)) {
            file = next();
        }
        return fs.create(file, false);
    }

    private Path next() {
        return new Path(dir, stem + String.format("%05d", number++) + JournalFileSystem.SUFFIX);
    }

    @Override
    public String toString() {
        return new Path(dir, stem + "*" + JournalFileSystem.SUFFIX).toString();
    }
}
