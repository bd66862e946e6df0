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

/** What journals need of a Hadoop file system. */
final class JournalFileSystem {
    static final String SUFFIX = ".arrows";

    private JournalFileSystem() {}

    /**
     * The file system below the checksums: those are written a block at a time, so that a file behind them ends before what
     * was flushed, and a killed writer's checksum file contradicts its data.
     */
    static FileSystem raw(FileSystem fs) {
        return fs instanceof ChecksumFileSystem checksummed ? checksummed.getRawFileSystem() : fs;
    }

    /** A fault of a local disk, which Hadoop throws as an {@link FSError}, as if the program were at fault; others as they are. */
    static IOException fault(Throwable thrown) {
        Throwable fault = thrown instanceof FSError ? thrown.getCause() : thrown;
        return fault instanceof IOException io ? io : new IOException(fault);
    }

    /** Journal files of one kind, by name. */
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
