package nighttrain.pipeline.resume;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.Journal;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock.RunId;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * The runs of a job whose failed rows count as unfinished and never attempted, because a later run was asked to try them again. Their other
 * rows stay finished, and the journal stays as it is: a file beside it lists these runs.
 *
 * @param runs ids of the runs
 */
public record ForgottenErrors(Set<String> runs) {
    public ForgottenErrors {
        runs = Set.copyOf(runs);
    }

    /** Reads the runs whose errors a job has forgotten so far. */
    public static ForgottenErrors of(JobFolder folder) {
        Path file = folder.forgottenErrors();
        return Files.unchecked(() -> new ForgottenErrors(
                folder.fs().exists(file) ? Set.of(Files.read(folder.fs(), file).split("\n")) : Set.of()));
    }

    /** Makes the job forget the errors of every run that has written to its journal so far. */
    public static void add(JobFolder folder) {
        Journal journal = folder.journal();
        Set<String> runs = new HashSet<>(of(folder).runs);
        Stream.of(journal.resultFiles().stream().map(FileStatus::getPath), AttemptLog.files(journal, "").stream())
                .flatMap(files -> files)
                .forEach(file -> runs.add(RunId.in(file.getName())));
        if (!runs.isEmpty()) {
            Files.unchecked(() -> {
                Files.write(folder.fs(), folder.forgottenErrors(), String.join("\n", runs));
                return null;
            });
        }
    }

    /** Whether one of these runs wrote this file of the journal. */
    public boolean covers(Path file) {
        return runs.contains(RunId.in(file.getName()));
    }
}
