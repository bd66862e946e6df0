package nighttrain.pipeline.testing;

import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.StreamCapabilities;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.apache.spark.sql.SparkSession;

/** Local files as a store, {@code store:/path}, that fills up, is slow, or has objects in place of files, as S3 does. */
public final class ScriptedStore extends RawLocalFileSystem {
    private static final Script SCRIPT = new Script();

    /** How the store behaves. All instances share one script, since Spark's tasks open file systems of their own. */
    public static final class Script {
        /** Bytes until it is full. */
        public final AtomicLong room = new AtomicLong();
        /** Pattern of paths that have no room at all; null for none. */
        public volatile String full;
        /** Runs before every flush and gets the file. */
        public volatile Consumer<Path> beforeFlush;
        /**
         * Whether files are objects: they cannot be flushed, they exist only once they are closed, and a folder is renamed by copying one file after
         * another.
         */
        public volatile boolean objects;
        /** Pattern of new paths at which a rename by copying dies; null for none. */
        public volatile String deadlyCopy;

        private void forget() {
            room.set(Long.MAX_VALUE);
            full = null;
            beforeFlush = file -> {};
            objects = false;
            deadlyCopy = null;
        }
    }

    /** Registers the store with Spark and resets its script. */
    public static Script in(SparkSession spark) {
        SCRIPT.forget();
        spark.sparkContext().hadoopConfiguration().set("fs.store.impl", ScriptedStore.class.getName());
        return SCRIPT;
    }

    /** Returns the URI of a local path in the store. */
    public static String uri(java.nio.file.Path path) {
        return "store:" + path;
    }

    @Override
    public URI getUri() {
        return URI.create("store:///");
    }

    @Override
    public void initialize(URI uri, Configuration conf) throws IOException {
        super.initialize(getUri(), conf);
    }

    @Override
    public FSDataOutputStream create(
            Path file,
            FsPermission permission,
            boolean overwrite,
            int bufferBytes,
            short replication,
            long blockBytes,
            Progressable progress)
            throws IOException {
        if (SCRIPT.objects) {
            return new FSDataOutputStream(new ObjectStream(file, permission, overwrite), statistics);
        }
        return new FSDataOutputStream(
                new FileStream(
                        file,
                        super.create(file, permission, overwrite, bufferBytes, replication, blockBytes, progress)),
                statistics);
    }

    @Override
    public FSDataOutputStream create(
            Path file, boolean overwrite, int bufferBytes, short replication, long blockBytes, Progressable progress)
            throws IOException {
        FsPermission permission = FsPermission.getFileDefault().applyUMask(FsPermission.getUMask(getConf()));
        return create(file, permission, overwrite, bufferBytes, replication, blockBytes, progress);
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
        if (!SCRIPT.objects) {
            return super.rename(from, to);
        }
        copy(from, to);
        return delete(from, true);
    }

    private void copy(Path from, Path to) throws IOException {
        if (getFileStatus(from).isDirectory()) {
            mkdirs(to);
            for (var child : listStatus(from)) {
                copy(child.getPath(), new Path(to, child.getPath().getName()));
            }
            return;
        }
        if (SCRIPT.deadlyCopy != null && to.toString().matches(SCRIPT.deadlyCopy)) {
            throw new IllegalStateException("killed while it copied");
        }
        FileUtil.copy(this, from, this, to, false, getConf());
    }

    private static void take(Path file, long bytes) throws IOException {
        boolean full = SCRIPT.full != null && file.toString().matches(SCRIPT.full);
        if (full || SCRIPT.room.addAndGet(-bytes) < 0) {
            throw new IOException("No space left on device");
        }
    }

    private static final class FileStream extends FilterOutputStream
            implements StreamCapabilities, org.apache.hadoop.fs.Syncable {
        private final Path file;

        FileStream(Path file, FSDataOutputStream out) {
            super(out);
            this.file = file;
        }

        @Override
        public void write(int value) throws IOException {
            take(file, 1);
            out.write(value);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            take(file, length);
            out.write(bytes, offset, length);
        }

        @Override
        public boolean hasCapability(String capability) {
            return ((FSDataOutputStream) out).hasCapability(capability);
        }

        @Override
        public void hflush() throws IOException {
            SCRIPT.beforeFlush.accept(file);
            ((FSDataOutputStream) out).hflush();
        }

        @Override
        public void hsync() throws IOException {
            ((FSDataOutputStream) out).hsync();
        }
    }

    private final class ObjectStream extends ByteArrayOutputStream {
        private final Path file;
        private final FsPermission permission;
        private final boolean overwrite;
        private boolean closed;

        ObjectStream(Path file, FsPermission permission, boolean overwrite) {
            this.file = file;
            this.permission = permission;
            this.overwrite = overwrite;
        }

        @Override
        public void close() throws IOException {
            if (closed) {
                return;
            }
            closed = true;
            take(file, count);
            try (OutputStream object =
                    ScriptedStore.super.create(file, permission, overwrite, 4096, (short) 1, 1 << 20, null)) {
                writeTo(object);
            }
        }
    }
}
