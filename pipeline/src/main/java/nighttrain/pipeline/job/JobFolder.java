package nighttrain.pipeline.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import nighttrain.io.UserError;
import nighttrain.io.journal.Journal;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Where everything of a job lies: the output directory with what users read, and in it {@code _nighttrain} with what makes a
 * job resumable (Spark reads no directory that begins with an underscore).
 *
 * @param fs the file system of the output
 * @param output the output directory, qualified
 */
public record JobFolder(FileSystem fs, Path output) {
    private static final String INNER = "_nighttrain";
    private static final String SCRATCH_PREFIX = "tmp-";
    private static final String COMMIT = "commit";
    private static final String CLAIM_PREFIX = "lock-";
    private static final String CLAIM_SUFFIX = ".json";
    private static final Set<String> OURS =
            Set.of("results", "metrics", "responses", "review", "review-csv", "summary.json", "report.html", INNER);

    /** The folder of a job that writes to {@code output}; touches nothing. */
    public static JobFolder of(String output, Configuration hadoop) {
        Path path = new Path(output);
        return Files.unchecked(() -> {
            FileSystem fs = path.getFileSystem(hadoop);
            return new JobFolder(fs, fs.makeQualified(path));
        });
    }

    /** Result files; readable when the job is complete. */
    public Path results() {
        return new Path(output, "results");
    }

    /** Answers to a batch file, as lines of JSON; readable when the job is complete. */
    public Path responses() {
        return new Path(output, "responses");
    }

    /** A table for people to look at, by the name of its folder. */
    public Path forPeople(String name) {
        return new Path(output, name);
    }

    /** Engine counters; readable when the job is complete. */
    public Path metrics() {
        return new Path(output, "metrics");
    }

    /** Written last: where it is, the job is complete. */
    public Path summary() {
        return new Path(output, "summary.json");
    }

    /** The summary, drawn. */
    public Path report() {
        return new Path(output, "report.html");
    }

    /** Finished rows that are not results yet. */
    public Journal journal() {
        return new Journal(fs, inner("journal"));
    }

    /** Finished rounds of a comparison. */
    public Path rounds() {
        return inner("rounds");
    }

    /** What identifies the job. */
    public Path jobFile() {
        return inner("job.json");
    }

    /** What a run says it works on the job with. */
    Path claim(String runId) {
        return inner(CLAIM_PREFIX + runId + CLAIM_SUFFIX);
    }

    /** What runs say they work on the job, by {@link #claim}. */
    List<FileStatus> claims() throws IOException {
        return List.of(fs.listStatus(new Path(output, INNER), path -> isClaim(path.getName())));
    }

    /** The run that wrote a claim. */
    static String claimant(Path claim) {
        String name = claim.getName();
        return name.substring(CLAIM_PREFIX.length(), name.length() - CLAIM_SUFFIX.length());
    }

    private static boolean isClaim(String name) {
        return name.startsWith(CLAIM_PREFIX) && name.endsWith(CLAIM_SUFFIX);
    }

    /** Whether there are any: an unfinished job has them, and one that ended with too many failed rows. */
    public boolean hasJournal() {
        return Files.unchecked(() -> fs.exists(journal().dir()));
    }

    /** Which runs' failed rows are to be tried again. */
    public Path forgottenErrors() {
        return inner("forgotten-errors");
    }

    /** Input as Parquet, where it was not. */
    public Path staged() {
        return inner("staged");
    }

    /** Which outputs are copies of others, once that was found. */
    public Path duplicates() {
        return inner("duplicates");
    }

    /** Whether it was. */
    public boolean hasDuplicates() {
        return Files.unchecked(() -> fs.exists(duplicates()));
    }

    /** A place for files that take their final name when they are whole. */
    public Path scratch(String runId, String what) {
        return new Path(inner(SCRATCH_PREFIX + runId), what);
    }

    /** What the job's commit to a table is called: however often it is tried, until the job is done; {@code otherwise} at first. */
    public String commitName(String otherwise) {
        Path file = inner(COMMIT);
        return Files.unchecked(() -> {
            if (!fs.exists(file)) {
                Files.write(fs, file, otherwise);
            }
            return Files.read(fs, file);
        });
    }

    /** Whether a commit to a table may have been made. */
    public boolean hasCommit() {
        return Files.unchecked(() -> fs.exists(inner(COMMIT)));
    }

    /** Whether an earlier run finished the job. */
    public boolean isComplete() {
        return Files.unchecked(() -> fs.exists(summary()) && fs.exists(results()));
    }

    /** The fingerprint of the job that wrote here, if one did. */
    public Optional<Fingerprint> fingerprint() {
        return Files.unchecked(() ->
                fs.exists(jobFile()) ? Optional.of(Fingerprint.fromJson(Files.read(fs, jobFile()))) : Optional.empty());
    }

    /** Puts a job's name on the folder. One that is there stays: a kill must not leave results without their name. */
    public void write(Fingerprint fingerprint) {
        if (fingerprint().equals(Optional.of(fingerprint))) {
            return;
        }
        Files.unchecked(() -> {
            Files.write(fs, jobFile(), fingerprint.toJson());
            return null;
        });
    }

    /** Writes {@link #report}, whole or not at all. */
    public void writeReport(String html) {
        Files.unchecked(() -> {
            Files.write(fs, report(), html);
            return null;
        });
    }

    /**
     * Refuses an output that something else than Night Train wrote.
     *
     * @throws UserError naming some of what is there
     */
    public void refuseForeign() {
        List<String> foreign = new ArrayList<>();
        for (FileStatus child : children()) {
            if (!child.getPath().getName().startsWith(INNER)) {
                foreign.add(child.getPath().getName());
            }
        }
        if (!foreign.isEmpty() && fingerprint().isEmpty()) {
            throw UserError.of(
                    "output directory is not empty",
                    output,
                    "it has " + foreign.get(0) + (foreign.size() > 1 ? " and " + (foreign.size() - 1) + " more" : "")
                            + ", which Night Train did not write; choose another --output");
        }
    }

    /** Deletes what Night Train wrote, other files stay; the lock stays until it is released. */
    public void clear() {
        // The summary goes first: an interrupted deletion must not look like a complete job.
        Files.unchecked(() -> {
            fs.delete(summary(), false);
            for (FileStatus child : children()) {
                if (OURS.contains(child.getPath().getName())
                        && !child.getPath().getName().equals(INNER)) {
                    fs.delete(child.getPath(), true);
                }
            }
            clearInner(name -> true);
            return null;
        });
    }

    /**
     * Deletes what only an unfinished job needs, and the checksum that Hadoop keeps of a local summary; {@code reopens}: the job may be taken up
     * again, so its journal and what belongs to it stay.
     */
    public void tidy(boolean reopens) {
        Files.unchecked(() -> {
            clearInner(name -> !reopens || name.startsWith(SCRATCH_PREFIX));
            Files.dropChecksum(fs, summary());
            return null;
        });
    }

    /** Makes a finished job an unfinished one, which will commit anew. What users read of it stays until it is finished again. */
    public void reopen() {
        Files.unchecked(() -> {
            fs.delete(inner(COMMIT), false);
            return fs.delete(summary(), false);
        });
    }

    /** All that {@code chosen} names but the job's name and the claims: those are their runs' own. */
    private void clearInner(Predicate<String> chosen) throws IOException {
        Path inner = new Path(output, INNER);
        if (!fs.exists(inner)) {
            return;
        }
        for (FileStatus child : fs.listStatus(inner)) {
            String name = child.getPath().getName();
            if (!name.equals(jobFile().getName()) && !isClaim(name) && !name.startsWith(".") && chosen.test(name)) {
                fs.delete(child.getPath(), true);
            }
        }
    }

    private List<FileStatus> children() {
        return Files.unchecked(() -> {
            if (!fs.exists(output)) {
                return List.of();
            }
            if (!fs.getFileStatus(output).isDirectory()) {
                throw UserError.of("output is a file", output, "a directory is needed; choose another --output");
            }
            return List.of(fs.listStatus(output));
        });
    }

    private Path inner(String name) {
        return new Path(new Path(output, INNER), name);
    }

    /** Puts {@code from} in the place of whatever is at {@code to}. */
    public void replace(Path from, Path to) {
        Files.unchecked(() -> {
            fs.delete(to, true);
            fs.mkdirs(to.getParent());
            if (!fs.rename(from, to)) {
                throw new UncheckedIOException(new IOException("cannot rename " + from + " to " + to));
            }
            Files.dropChecksums(fs, to);
            return null;
        });
    }
}
