package nighttrain.io.journal;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Access of journals to a Hadoop file system. */
final class JournalFileSystem {
    static final String SUFFIX = ".arrows";

    private JournalFileSystem() {}

    /**
     * Returns the file system below the checksums: checksums are written a block at a time, so a file with them ends before the last flushed bytes,
     * and a killed writer's checksum file contradicts its data.
     */
    static FileSystem raw(FileSystem fs) {
        return fs instanceof ChecksumFileSystem checksummed ? checksummed.getRawFileSystem() : fs;
    }

    /** Returns the fault of a local disk, which Hadoop wraps in an {@link FSError} as if the program failed; other faults are returned. */
    static IOException fault(Throwable thrown) {
        Throwable fault = thrown instanceof FSError ? thrown.getCause() : thrown;
        return fault instanceof IOException io ? io : new IOException(fault);
    }

    /** Lists journal files of one kind, by name. */
    static List<FileStatus> list(FileSystem fs, Path dir, String prefix) {
        try {
            return Arrays.stream(raw(fs).listStatus(
                                    dir,
                                    path -> path.getName().startsWith(prefix)
                                            && path.getName().endsWith(SUFFIX)))
                    .sorted(Comparator.comparing(status -> status.getPath().getName()))
                    .toList();
        } catch (FileNotFoundException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list the journal: " + dir, e);
        }
    }
}
