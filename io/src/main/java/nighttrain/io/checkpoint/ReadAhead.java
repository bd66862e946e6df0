package nighttrain.io.checkpoint;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import nighttrain.io.UserError;

/**
 * Reads a checkpoint's files into the operating system's page cache until it is closed, so that an engine that has to wait before it opens finds its
 * weights in memory. Files that cannot be read are left for the checkpoint's own opening, which reports them.
 */
public final class ReadAhead implements AutoCloseable {
    /** A few reads at once keep a disk or a network busy. */
    private static final int THREADS = 4;

    private static final int PIECE_BYTES = 8 << 20;

    private final Queue<Piece> pieces = new ConcurrentLinkedQueue<>();

    private record Piece(Path file, long offset) {}

    private ReadAhead() {}

    /** Starts with the files of a model directory, unless they exceed half of the memory. */
    public static ReadAhead of(Path dir) {
        OperatingSystemMXBean machine = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return of(dir, machine.getTotalMemorySize() / 2);
    }

    /** {@code mostBytes}: total size above which nothing is read; a cache that is too small evicts what was read first. */
    static ReadAhead of(Path dir, long mostBytes) {
        ReadAhead ahead = new ReadAhead();
        try {
            long bytes = 0;
            for (Path file : WeightFiles.of(dir).files()) {
                long size = Files.size(file);
                for (long offset = 0; offset < size; offset += PIECE_BYTES) {
                    ahead.pieces.add(new Piece(file, offset));
                }
                bytes += size;
            }
            if (bytes <= mostBytes) {
                ahead.start();
            }
        } catch (UserError | IOException unreadable) {
            ahead.close();
        }
        return ahead;
    }

    private void start() {
        for (int i = 0; i < THREADS; i++) {
            Thread thread = new Thread(this::read, "nighttrain-read-ahead-" + i);
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void read() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(PIECE_BYTES);
        for (Piece piece = pieces.poll(); piece != null; piece = pieces.poll()) {
            try (FileChannel channel = FileChannel.open(piece.file, StandardOpenOption.READ)) {
                buffer.clear();
                int read = 0;
                while (buffer.hasRemaining() && read >= 0) {
                    read = channel.read(buffer, piece.offset + buffer.position());
                }
            } catch (IOException unreadable) {
                close();
            }
        }
    }

    /** Number of pieces that no thread has started to read. */
    int left() {
        return pieces.size();
    }

    /** Starts no more reads. */
    @Override
    public void close() {
        pieces.clear();
    }
}
