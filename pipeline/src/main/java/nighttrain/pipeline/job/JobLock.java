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
 * Keeps two runs off one output, on any file system that lists what was written: every run writes a claim of its own, then
 * looks who else has one. Whoever finds an elder's gives way; whoever finds a younger's waits for that to give way, and gives
 * way itself where that does not, being settled. So no file need be created by one alone, which S3 cannot promise. A run that
 * was killed leaves its claim behind, which is then recognised as dead: on the same machine by its process, elsewhere by a
 * heartbeat that stopped. Should two runs meet all the same, nothing is lost: their journal files have different names and
 * results are written from all of them, each row once.
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
     * @param run its name; they sort by age, as those of {@link RunId} do
     * @throws UserError where a living run has it
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

    /** The run that holds it. */
    public String run() {
        return mine.run();
    }

    /** Lets others have it. */
    @Override
    public void close() {
        heart.close();
        try {
            folder.fs().delete(file, false);
        } catch (IOException kept) {
            LOG.warn("could not delete {}: it counts as dead once this process ends", file, kept);
        }
    }

    /** Nothing of the job was written before, so a folder that cannot be written to is the user's to correct. */
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

    /** Written again, since not every store lets a file's time be set. */
    private void beat() {
        try {
            mine.write(folder.fs(), file);
        } catch (IOException missed) {
            LOG.warn("could not refresh {}", file, missed);
        }
    }

    /** The run that we give way to, if there is one. */
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
     * The claims of runs that live; those of dead ones are deleted.
     *
     * @param late whether a claim that is still torn counts as that of a run that was killed while it wrote
     */
    private static List<Claim> livingOthers(JobFolder folder, Path mine, boolean late) throws IOException {
        List<Claim> living = new ArrayList<>();
        // Both times are the file system's: clocks of machines differ.
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
     * What a run says of itself while it works on a job.
     *
     * @param run its name
     * @param host where it runs
     * @param pid its process there
     * @param processStartMs when that began, since process ids come again
     */
    record Claim(String run, String host, long pid, long processStartMs) {
        private static final ObjectMapper JSON = new ObjectMapper();

        /** This process's. */
        static Claim mine(String run) {
            ProcessHandle process = ProcessHandle.current();
            return new Claim(run, hostName(), process.pid(), startMs(process));
        }

        /** The claim in a file; one that is just being written says nothing but its run. */
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

        /** Whether the file held no whole claim: its run is writing it, or was killed while it did. */
        boolean isTorn() {
            return pid == 0;
        }

        boolean isOfThisHost() {
            return host.equals(hostName());
        }

        /** Whether the process runs, which only its own host can tell. */
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

    /** Names of runs: each is new, and they sort by time. */
    public static final class RunId {
        private static final DateTimeFormatter TIME =
                DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmssSSS").withZone(ZoneOffset.UTC);
        private static final Pattern ID = Pattern.compile("\\d{8}T\\d{9}-[0-9a-f]{6}");
        private static final SecureRandom RANDOM = new SecureRandom();

        private RunId() {}

        /** One that nobody had before: {@code 20261122T081500123-9f3a01}. */
        public static String next() {
            return TIME.format(Instant.now()) + "-" + String.format("%06x", RANDOM.nextInt(1 << 24));
        }

        /** The one in the name of a file that its run wrote; all of the name where none is in it. */
        public static String in(String fileName) {
            Matcher id = ID.matcher(fileName);
            return id.find() ? id.group() : fileName;
        }
    }
}
