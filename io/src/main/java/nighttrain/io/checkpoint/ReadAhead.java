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
 * Reads a checkpoint's files into the page cache of the operating system until it is closed: an engine that must not open yet finds its
 * weights in memory once it may. What cannot be read is left to whoever opens the checkpoint, who says so.
 */
public final class ReadAhead implements AutoCloseable {
    /** A few reads at once keep a disk or a network busy. */
    private static final int THREADS = 4;

    private static final int PIECE_BYTES = 8 << 20;

    private final Queue<Piece> pieces = new ConcurrentLinkedQueue<>();

    private record Piece(Path file, long offset) {}

    private ReadAhead() {}

    /** Begins with the files of a model directory, unless they take more than half of the memory. */
    public static ReadAhead of(Path dir) {
        OperatingSystemMXBean machine = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return of(dir, machine.getTotalMemorySize() / 2);
    }

    /** {@code mostBytes}: of files that are begun; a cache that is too small forgets what was read first. */
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

    /** How many pieces nobody has begun to read. */
    int left() {
        return pieces.size();
    }

    /** Begins to read no more. */
    @Override
    public void close() {
        pieces.clear();
    }
}
