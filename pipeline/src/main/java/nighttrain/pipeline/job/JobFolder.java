package nighttrain.pipeline.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.journal.Journal;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The paths of a job: the output directory with the files that users read, and in it {@code _nighttrain} with the files that make a job
 * resumable (Spark does not read directories that begin with an underscore).
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

    /** Returns the folder of a job that writes to {@code output}; creates and changes nothing. */
    public static JobFolder of(String output, Configuration hadoop) {
        Path path = UserPath.of(output, hadoop);
        return Files.unchecked(() -> {
            FileSystem fs = path.getFileSystem(hadoop);
            return new JobFolder(fs, fs.makeQualified(path));
        });
    }

    /** Returns the text by which Spark reads a folder of a job, even one whose name Spark would take for a pattern. */
    public static String read(Path folder) {
        return UserPath.literal(folder.toString());
    }

    /** Result files; readable when the job is complete. */
    public Path results() {
        return new Path(output, "results");
    }

    /** Answers to a batch file, as lines of JSON; readable when the job is complete. */
    public Path responses() {
        return new Path(output, "responses");
    }

    /** Folder of a table for people to review, by its name. */
    public Path forPeople(String name) {
        return new Path(output, name);
    }

    /** Engine counters; readable when the job is complete. */
    public Path metrics() {
        return new Path(output, "metrics");
    }

    /** Summary of the job, written last: where it and the results exist, the job is complete. */
    public Path summary() {
        return new Path(output, "summary.json");
    }

    /** Report that shows the summary as charts. */
    public Path report() {
        return new Path(output, "report.html");
    }

    /** Returns files that stand for those of a finished job: an input pattern that covers one of them reads results as prompts. */
    public Stream<Path> sampleFiles() {
        String part = "part-00000-0-c000.snappy.parquet";
        return Stream.of(new Path(results(), part), new Path(metrics(), part), summary(), report());
    }

    /** Journal of the finished rows before they become results. */
    public Journal journal() {
        return new Journal(fs, inner("journal"));
    }

    /** Finished rounds of a comparison. */
    public Path rounds() {
        return inner("rounds");
    }

    /** File with the job's fingerprint. */
    public Path jobFile() {
        return inner("job.json");
    }

    /** File by which a run claims the job. */
    Path claim(String runId) {
        return inner(CLAIM_PREFIX + runId + CLAIM_SUFFIX);
    }

    /** Lists the files of runs that claim the job, as {@link #claim} names them. */
    List<FileStatus> claims() throws IOException {
        return List.of(fs.listStatus(new Path(output, INNER), path -> isClaim(path.getName())));
    }

    /** Returns the id of the run that wrote a claim. */
    static String claimant(Path claim) {
        String name = claim.getName();
        return name.substring(CLAIM_PREFIX.length(), name.length() - CLAIM_SUFFIX.length());
    }

    private static boolean isClaim(String name) {
        return name.startsWith(CLAIM_PREFIX) && name.endsWith(CLAIM_SUFFIX);
    }

    /** Whether there is a journal: an unfinished job has one, and so has a job that ended with too many failed rows. */
    public boolean hasJournal() {
        return Files.unchecked(() -> fs.exists(journal().dir()));
    }

    /** File with the ids of the runs whose failed rows are to be tried again. */
    public Path forgottenErrors() {
        return inner("forgotten-errors");
    }

    /** The input as Parquet files, where it has another form. */
    public Path staged() {
        return inner("staged");
    }

    /** List of the outputs that are copies of others, once they are searched for. */
    public Path duplicates() {
        return inner("duplicates");
    }

    /** Whether the list of copies exists. */
    public boolean hasDuplicates() {
        return Files.unchecked(() -> fs.exists(duplicates()));
    }

    /** Place for files that get their final name when they are whole. */
    public Path scratch(String runId, String what) {
        return new Path(inner(SCRATCH_PREFIX + runId), what);
    }

    /**
     * Returns the name of the job's commit to a table, which stays the same over all tries until the job is done. The first call sets it to
     * {@code otherwise}.
     */
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

    /** Returns the fingerprint of the job that wrote here, if any. */
    public Optional<Fingerprint> fingerprint() {
        return Files.unchecked(() ->
                fs.exists(jobFile()) ? Optional.of(Fingerprint.fromJson(Files.read(fs, jobFile()))) : Optional.empty());
    }

    /** Writes the fingerprint. An equal one that is there is not rewritten: a kill must not leave results without their fingerprint. */
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
     * Refuses an output directory with files that Night Train did not write.
     *
     * @throws UserError an error that names one of these files
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

    /** Returns whether {@link #clear} deletes a file. */
    public boolean clears(Path file) {
        String below = output + "/";
        return file.toString().startsWith(below)
                && OURS.contains(file.toString().substring(below.length()).split("/", 2)[0]);
    }

    /** Deletes all files that Night Train wrote; other files stay, and so does the lock until it is released. */
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
     * Deletes files that only an unfinished job needs, and the checksum file that Hadoop keeps beside a local summary. {@code reopens}: the
     * job may be resumed, so its journal and the files that belong to it stay.
     */
    public void tidy(boolean reopens) {
        Files.unchecked(() -> {
            clearInner(name -> !reopens || name.startsWith(SCRATCH_PREFIX));
            Files.dropChecksum(fs, summary());
            return null;
        });
    }

    /** Turns a finished job into an unfinished one, which will commit anew. The files that users read stay until it is finished again. */
    public void reopen() {
        Files.unchecked(() -> {
            fs.delete(inner(COMMIT), false);
            return fs.delete(summary(), false);
        });
    }

    /** Deletes the files that {@code chosen} selects, except the fingerprint and the claims, which belong to their runs. */
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

    /** Moves {@code from} to {@code to} and replaces what is there. */
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
