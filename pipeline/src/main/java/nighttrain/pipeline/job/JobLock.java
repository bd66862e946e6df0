package nighttrain.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.monitor.PeriodicTask;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps two runs off one output, on any file system that lists written files. Every run writes a claim of its own, then reads the other
 * runs' claims. The oldest claim wins: a run that finds an older claim backs off. A run that finds a newer claim waits for the newer run to
 * back off, and backs off itself if that one does not, since it then holds the lock. So no file must be created exclusively, which S3
 * cannot guarantee. A killed run leaves its claim behind, which is recognised as dead: on the same machine by its process, elsewhere by a
 * heartbeat that stopped. If two runs overlap all the same, nothing is lost: their journal files have different names, and results are
 * written from all of them, each row once.
 */
public final class JobLock implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobLock.class);
    private static final Duration BEAT = Duration.ofSeconds(10);
    private static final Duration DEAD_AFTER = Duration.ofSeconds(60);
    private static final Duration GIVING_WAY = Duration.ofSeconds(5);
    private static final long LOOK_AGAIN_MS = 100;

    private final JobFolder folder;
    private final Path file;
    private final Claim mine;
    private final PeriodicTask heart;

    private JobLock(JobFolder folder, Path file, Claim mine) {
        this.folder = folder;
        this.file = file;
        this.mine = mine;
        this.heart = PeriodicTask.every(BEAT, "night-train-lock", this::beat);
    }

    /**
     * Takes the lock of a job.
     *
     * @param run name of the run; names sort by age, as those of {@link RunId} do
     * @throws UserError if a live run holds it
     */
    public static JobLock take(JobFolder folder, String run) {
        Claim mine = Claim.mine(run);
        Path file = folder.claim(run);
        return Files.unchecked(() -> {
            try {
                writeFirst(mine, folder, file);
                Optional<Claim> settled = settledOther(folder, file);
                if (settled.isPresent()) {
                    throw inUse(folder, settled.get());
                }
                return new JobLock(folder, file, mine);
            } catch (IOException | RuntimeException notTaken) {
                folder.fs().delete(file, false);
                throw notTaken;
            }
        });
    }

    /** Returns the run that holds the lock. */
    public String run() {
        return mine.run();
    }

    /** Releases the lock. */
    @Override
    public void close() {
        heart.close();
        try {
            folder.fs().delete(file, false);
        } catch (IOException kept) {
            LOG.warn("could not delete {}: it counts as dead once this process ends", file, kept);
        }
    }

    /** Writes the claim, the first file of a run; a folder that cannot be written to is thus a user error. */
    private static void writeFirst(Claim mine, JobFolder folder, Path file) {
        try {
            mine.write(folder.fs(), file);
        } catch (IOException refused) {
            throw UserError.of(
                    "cannot write to the output",
                    folder.output(),
                    Causes.message(refused) + "; check --output and who may write there",
                    refused);
        }
    }

    /** Writes the claim again to renew its time, since not every store can set the time of a file. */
    private void beat() {
        try {
            mine.write(folder.fs(), file);
        } catch (IOException missed) {
            LOG.warn("could not refresh {}", file, missed);
        }
    }

    /** Returns the claim of the run that this run backs off from, if any. */
    private static Optional<Claim> settledOther(JobFolder folder, Path mine) throws IOException {
        long lookUntil = System.nanoTime() + GIVING_WAY.toNanos();
        while (true) {
            boolean late = System.nanoTime() > lookUntil;
            List<Claim> others = livingOthers(folder, mine, late);
            Optional<Claim> eldest = others.stream().min(Comparator.comparing(Claim::run));
            boolean elder = eldest.filter(
                            other -> !other.isTorn() && other.run().compareTo(JobFolder.claimant(mine)) < 0)
                    .isPresent();
            if (eldest.isEmpty() || elder || late) {
                return eldest;
            }
            pause();
        }
    }

    /**
     * Returns the claims of other live runs, and deletes those of dead runs.
     *
     * @param late whether a claim that is still incomplete counts as that of a run killed while it wrote
     */
    private static List<Claim> livingOthers(JobFolder folder, Path mine, boolean late) throws IOException {
        List<Claim> living = new ArrayList<>();
        // Both times come from the file system, since clocks of machines differ.
        long nowMs = folder.fs().getFileStatus(mine).getModificationTime();
        for (FileStatus other : folder.claims()) {
            if (other.getPath().getName().equals(mine.getName())) {
                continue;
            }
            try {
                Claim claim = Claim.read(folder.fs(), other.getPath());
                boolean beats = nowMs - other.getModificationTime() < DEAD_AFTER.toMillis();
                boolean lives = claim.isOfThisHost() ? claim.isRunning() : beats;
                if (claim.isTorn() ? !late : lives) {
                    living.add(claim);
                } else {
                    folder.fs().delete(other.getPath(), false);
                }
            } catch (FileNotFoundException gaveWay) {
                LOG.debug("{} is gone", other.getPath(), gaveWay);
            }
        }
        return living;
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(LOOK_AGAIN_MS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("stopped while another run gave way");
        }
    }

    private static UserError inUse(JobFolder folder, Claim other) {
        return UserError.of(
                "output is in use",
                folder.output(),
                "by run " + other.run() + ", process " + other.pid() + " on " + other.host()
                        + "; wait for it, end it and wait " + DEAD_AFTER.toSeconds()
                        + " s, or choose another --output");
    }

    /**
     * The claim of a run on a job that it works on.
     *
     * @param run name of the run
     * @param host host that it runs on
     * @param pid id of its process there
     * @param processStartMs start of the process, in ms since 1970: process ids are reused
     */
    record Claim(String run, String host, long pid, long processStartMs) {
        private static final ObjectMapper JSON = new ObjectMapper();

        /** Returns the claim of this process. */
        static Claim mine(String run) {
            ProcessHandle process = ProcessHandle.current();
            return new Claim(run, hostName(), process.pid(), startMs(process));
        }

        /** Reads the claim in a file; of a claim that is just being written only the run is known. */
        static Claim read(FileSystem fs, Path file) throws IOException {
            try {
                return JSON.readValue(Files.read(fs, file), Claim.class);
            } catch (JsonProcessingException torn) {
                return new Claim(JobFolder.claimant(file), "a host unknown", 0, 0);
            }
        }

        void write(FileSystem fs, Path file) throws IOException {
            try (FSDataOutputStream out = fs.create(file, true)) {
                out.write(JSON.writeValueAsString(this).getBytes(StandardCharsets.UTF_8));
            }
        }

        /** Whether the file held an incomplete claim: its run is writing it, or was killed meanwhile. */
        boolean isTorn() {
            return pid == 0;
        }

        boolean isOfThisHost() {
            return host.equals(hostName());
        }

        /** Whether the process runs; only its own host can tell. */
        boolean isRunning() {
            return ProcessHandle.of(pid)
                    .filter(ProcessHandle::isAlive)
                    .filter(process -> startMs(process) == processStartMs)
                    .isPresent();
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

    /** Makes and finds names of runs, which are unique and sort by time. */
    public static final class RunId {
        private static final DateTimeFormatter TIME =
                DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmssSSS").withZone(ZoneOffset.UTC);
        private static final Pattern ID = Pattern.compile("\\d{8}T\\d{9}-[0-9a-f]{6}");
        private static final SecureRandom RANDOM = new SecureRandom();

        private RunId() {}

        /** Returns a new name, such as {@code 20261122T081500123-9f3a01}. */
        public static String next() {
            return TIME.format(Instant.now()) + "-" + String.format("%06x", RANDOM.nextInt(1 << 24));
        }

        /** Returns the run name within the name of a file that the run wrote; the whole file name if it contains none. */
        public static String in(String fileName) {
            Matcher id = ID.matcher(fileName);
            return id.find() ? id.group() : fileName;
        }
    }
}
