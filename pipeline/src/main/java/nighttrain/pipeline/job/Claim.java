package nighttrain.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

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
