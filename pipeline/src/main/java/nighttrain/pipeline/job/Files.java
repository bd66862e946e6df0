package nighttrain.pipeline.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import nighttrain.io.table.WholeFile;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Reads and writes small text files on a Hadoop file system. */
public final class Files {
    private Files() {}

    /** An action that may throw an {@link IOException}. */
    public interface Action<T> {
        T run() throws IOException;
    }

    public static <T> T unchecked(Action<T> action) {
        try {
            return action.run();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the whole text of a file. */
    public static String read(FileSystem fs, Path file) throws IOException {
        try (FSDataInputStream in = fs.open(file)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Writes a file whole or not at all, without a checksum file beside it. */
    public static void write(FileSystem fs, Path file, String text) throws IOException {
        WholeFile.write(fs, file, text.getBytes(StandardCharsets.UTF_8));
        dropChecksum(fs, file);
    }

    /** As {@link #dropChecksums}, for one file. */
    static void dropChecksum(FileSystem fs, Path file) throws IOException {
        if (fs instanceof ChecksumFileSystem checked) {
            checked.getRawFileSystem().delete(checked.getChecksumFile(file), false);
        }
    }

    /**
     * Deletes the checksum files that Hadoop keeps beside local files, for all files in a folder: other readers take {@code .crc} files for
     * data.
     */
    static void dropChecksums(FileSystem fs, Path folder) throws IOException {
        if (fs instanceof ChecksumFileSystem checked) {
            FileSystem raw = checked.getRawFileSystem();
            for (FileStatus file : raw.listStatus(folder, it -> ChecksumFileSystem.isChecksumFile(it))) {
                raw.delete(file.getPath(), false);
            }
        }
    }
}
