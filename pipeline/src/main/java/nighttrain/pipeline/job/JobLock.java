package nighttrain.pipeline.job;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.tick.Ticker;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps two runs off one output. A run that was killed leaves its lock behind, which is then recognised as dead: on the same
 * machine by its process, elsewhere by a heartbeat that stopped. Should two runs meet all the same, nothing is lost: their
 * journal files have different names and results are written from all of them, each row once.
 */
public final class JobLock implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobLock.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration BEAT = Duration.ofSeconds(10);
    private static final Duration DEAD_AFTER = Duration.ofSeconds(60);

    private final FileSystem fs;
    private final Path file;
    private final Holder holder;
    private final Ticker heart;

    /** Who holds a lock: written into it. */
    record Holder(String run, String host, long pid, long processStartMs) {
        static Holder me(String run) {
            ProcessHandle process = ProcessHandle.current();
            return new Holder(run, hostName(), process.pid(), startMs(process));
        }

        boolean isAlive(long lastBeatMs) {
            if (host.equals(hostName())) {
                return ProcessHandle.of(pid)
                        .filter(ProcessHandle::isAlive)
                        .filter(process -> startMs(process) == processStartMs)
                        .isPresent();
            }
            return System.currentTimeMillis() - lastBeatMs < DEAD_AFTER.toMillis();
        }

        private static long startMs(ProcessHandle process) {
            return process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
        }

        private static String hostName() {
            try {
                return InetAddress.getLocalHost().getHostName();
            } catch (UnknownHostException nameless) {
                return "localhost";
            }
        }
    }

    private JobLock(FileSystem fs, Path file, Holder holder) {
        this.fs = fs;
        this.file = file;
        this.holder = holder;
        this.heart = Ticker.every(BEAT, "night-train-lock", this::beat);
    }

    /**
     * Takes the lock of a job.
     *
     * @throws UserError where a living run has it
     */
    public static JobLock take(JobFolder folder, String run) {
        Holder me = Holder.me(run);
        return Files.unchecked(() -> {
            Optional<Holder> other = read(folder.fs(), folder.lockFile());
            if (other.isPresent() && other.get().isAlive(lastBeatMs(folder))) {
                throw inUse(folder, other.get());
            }
            folder.fs().delete(folder.lockFile(), false);
            try {
                create(folder.fs(), folder.lockFile(), me);
            } catch (FileAlreadyExistsException raced) {
                throw inUse(folder, read(folder.fs(), folder.lockFile()).orElse(me));
            }
            return new JobLock(folder.fs(), folder.lockFile(), me);
        });
    }

    /** The run that holds it. */
    public String run() {
        return holder.run();
    }

    /** Lets others have it. */
    @Override
    public void close() {
        heart.close();
        try {
            if (read(fs, file).filter(held -> held.run().equals(holder.run())).isPresent()) {
                fs.delete(file, false);
            }
        } catch (IOException | UncheckedIOException kept) {
            LOG.warn("could not delete {}: it counts as dead once this process ends", file, kept);
        }
    }

    private void beat() {
        try {
            fs.setTimes(file, System.currentTimeMillis(), -1);
        } catch (IOException missed) {
            LOG.warn("could not refresh {}", file, missed);
        }
    }

    private static long lastBeatMs(JobFolder folder) throws IOException {
        return folder.fs().getFileStatus(folder.lockFile()).getModificationTime();
    }

    private static UserError inUse(JobFolder folder, Holder other) {
        return UserError.of(
                "output is in use",
                folder.output(),
                "by run " + other.run() + ", process " + other.pid() + " on " + other.host()
                        + "; wait for it or choose another --output");
    }

    private static void create(FileSystem fs, Path file, Holder holder) throws IOException {
        fs.mkdirs(file.getParent());
        try (FSDataOutputStream out = fs.create(file, false)) {
            out.write(JSON.writeValueAsString(holder).getBytes(StandardCharsets.UTF_8));
        }
    }

    private static Optional<Holder> read(FileSystem fs, Path file) throws IOException {
        if (!fs.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(JSON.readValue(Files.read(fs, file), Holder.class));
        } catch (com.fasterxml.jackson.core.JsonProcessingException torn) {
            return Optional.empty();
        }
    }
}
