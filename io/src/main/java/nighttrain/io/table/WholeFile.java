package nighttrain.io.table;

import java.io.IOException;
import java.io.OutputStream;
import java.util.UUID;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UnsupportedFileSystemException;

/**
 * Writes small files whole or not at all. A crash leaves the old content or the new one where the file system can replace a file, as local ones and
 * HDFS can; elsewhere it may leave none.
 */
public final class WholeFile {
    private WholeFile() {}

    /** Writes a file; replaces what is there. */
    public static void write(FileSystem fs, Path file, byte[] content) throws IOException {
        // The leading underscore hides it from readers that list the folder as a table.
        Path temporary = new Path(file.getParent(), "_" + file.getName() + "." + UUID.randomUUID());
        try {
            try (OutputStream out = fs.create(temporary, false)) {
                out.write(content);
            }
            if (!renames(fs, temporary, file)) {
                replace(fs, temporary, file);
            }
        } catch (IOException | RuntimeException failed) {
            fs.delete(temporary, false);
            throw failed;
        }
    }

    /** Renames, unless the file system refuses an existing target; the rename of local files replaces it. */
    private static boolean renames(FileSystem fs, Path from, Path to) throws IOException {
        try {
            return fs.rename(from, to);
        } catch (FileAlreadyExistsException refused) {
            return false;
        }
    }

    private static void replace(FileSystem fs, Path from, Path to) throws IOException {
        try {
            FileContext.getFileContext(fs.getUri(), fs.getConf()).rename(from, to, Options.Rename.OVERWRITE);
        } catch (UnsupportedFileSystemException cannotReplace) {
            fs.delete(to, false);
            if (!fs.rename(from, to)) {
                throw new IOException("cannot rename " + from + " to " + to.getName());
            }
        }
    }
}
