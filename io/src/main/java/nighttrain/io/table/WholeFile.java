package nighttrain.io.table;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.util.UUID;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Files that readers find whole or not at all. */
final class WholeFile {
    private WholeFile() {}

    static void write(FileSystem fs, Path file, byte[] bytes) throws IOException {
        // The leading underscore hides it from whoever lists the folder as a table.
        Path temporary = new Path(file.getParent(), "_" + file.getName() + "." + UUID.randomUUID());
        try {
            try (OutputStream out = fs.create(temporary, false)) {
                out.write(bytes);
            }
            // Hadoop's rename refuses an existing target.
            fs.delete(file, false);
            if (!fs.rename(temporary, file)) {
                throw new IOException("cannot rename " + temporary + " to " + file.getName());
            }
        } finally {
            deleteIfThere(fs, temporary);
        }
    }

    private static void deleteIfThere(FileSystem fs, Path temporary) throws IOException {
        try {
            fs.delete(temporary, false);
        } catch (FileNotFoundException e) {
            // Renamed away, as it should be.
            return;
        }
    }
}
