package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of any length, mapped read-only in windows, since one Java buffer ends at 2 GiB. Windows overlap by a few bytes so that each element lies
 * whole in the window in which it begins, whatever the alignment of the file.
 *
 * <p>A mapping ends when it is no longer reachable; Java 17 has no way to end one sooner.
 */
final class MappedFile {
    private static final int DEFAULT_WINDOW_BITS = 30;
    private static final int OVERLAP_BYTES = 8;

    private final Path path;
    private final long size;
    private final int windowBits;
    private final ByteBuffer[] windows;

    private MappedFile(Path path, long size, int windowBits, ByteBuffer[] windows) {
        this.path = path;
        this.size = size;
        this.windowBits = windowBits;
        this.windows = windows;
    }

    static MappedFile map(Path path) throws IOException {
        return map(path, DEFAULT_WINDOW_BITS);
    }

    /** {@code windowBits}: logarithm of the window's bytes. */
    static MappedFile map(Path path, int windowBits) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            long windowBytes = 1L << windowBits;
            ByteBuffer[] windows = new ByteBuffer[(int) ((size + windowBytes - 1) >>> windowBits)];
            for (int i = 0; i < windows.length; i++) {
                long start = i * windowBytes;
                windows[i] = channel.map(MapMode.READ_ONLY, start, Math.min(windowBytes + OVERLAP_BYTES, size - start));
            }
            return new MappedFile(path, size, windowBits, windows);
        }
    }

    Path path() {
        return path;
    }

    /** Length in bytes. */
    long size() {
        return size;
    }

    /**
     * Returns the bytes from {@code offset} on, at most {@code maxBytes}, little endian: fewer where the window ends, but at least 8 within the file.
     */
    ByteBuffer slice(long offset, long maxBytes) {
        ByteBuffer window = windows[(int) (offset >>> windowBits)];
        int start = (int) (offset & ((1L << windowBits) - 1));
        int length = (int) Math.min(window.capacity() - start, maxBytes);
        return window.slice(start, length).order(ByteOrder.LITTLE_ENDIAN);
    }
}
