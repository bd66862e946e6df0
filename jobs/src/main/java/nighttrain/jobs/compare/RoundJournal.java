package nighttrain.jobs.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** Finished rounds, one file each, whole or not there: a comparison that was killed goes on after the last of them. */
final class RoundJournal {
    private final JobFolder folder;
    private int last;

    RoundJournal(JobFolder folder) {
        this.folder = folder;
    }

    /** All, in the order in which they were measured. */
    List<FinishedRound> read() {
        return Files.unchecked(() -> {
            List<FinishedRound> rounds = new ArrayList<>();
            for (FileStatus file : list()) {
                rounds.add(FinishedRound.parse(Files.read(folder.fs(), file.getPath())));
            }
            return rounds;
        });
    }

    void add(FinishedRound round) {
        Files.unchecked(() -> {
            Path file = new Path(folder.rounds(), String.format("%06d.json", ++last));
            Files.write(folder.fs(), file, round.json());
            return null;
        });
    }

    private List<FileStatus> list() throws IOException {
        folder.fs().mkdirs(folder.rounds());
        List<FileStatus> found = Arrays.stream(folder.fs().listStatus(folder.rounds()))
                .filter(file -> !file.getPath().getName().startsWith("_"))
                .sorted(Comparator.comparing(file -> file.getPath().getName()))
                .toList();
        found.forEach(file -> last = Integer.parseInt(file.getPath().getName().replace(".json", "")));
        return found;
    }
}
