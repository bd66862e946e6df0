package nighttrain.jobs.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.ShutdownHookManager;

/** A folder for files that nobody keeps: it goes when it is closed, or with this process if a signal ends that. */
public final class ScratchFolder implements AutoCloseable {
    /** After Spark has stopped writing, before file systems are closed. */
    private static final int LATE = FileSystem.SHUTDOWN_HOOK_PRIORITY + 1;

    /** It holds a user's rows. */
    private static final FsPermission MINE = new FsPermission((short) 0700);

    private final FileSystem fs;
    private final Path path;
    private final Runnable hook = this::delete;

    private ScratchFolder(FileSystem fs, Path path) {
        this.fs = fs;
        this.path = path;
    }

    /** A new one in {@code parent}; empty: this machine's folder for such. */
    public static ScratchFolder in(Optional<String> parent, Configuration hadoop) throws IOException {
        Path path = new Path(
                parent.orElse("file:" + System.getProperty("java.io.tmpdir")), "nighttrain-" + UUID.randomUUID());
        ScratchFolder folder = new ScratchFolder(path.getFileSystem(hadoop), path);
        ShutdownHookManager.get().addShutdownHook(folder.hook, LATE);
        folder.fs.mkdirs(path, MINE);
        return folder;
    }

    public Path path() {
        return path;
    }

    private void delete() {
        try {
            fs.delete(path, true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        ShutdownHookManager.get().removeShutdownHook(hook);
        delete();
    }
}
