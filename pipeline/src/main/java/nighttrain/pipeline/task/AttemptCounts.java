package nighttrain.pipeline.task;

import java.io.Serializable;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.io.journal.Journal;
import org.apache.hadoop.fs.Path;

/**
 * Counts how often unfinished rows were attempted, and how often the engine or the executor crashed meanwhile.
 *
 * @param counts counts by row; rows without an entry were never attempted
 */
public record AttemptCounts(Map<PromptRow.Key, Count> counts) implements Serializable {
    /** A row that was in flight at this many crashes may be their cause. Its next attempt is isolated. */
    static final int SUSPICIOUS_CRASHES = 2;

    /** This many crashes of isolated attempts prove the row to be their cause. A single one may have another, such as a lost node. */
    static final int PROVING_CRASHES = 2;

    private static final Count NEVER = new Count(0, 0, 0);

    /**
     * The counts of one row.
     *
     * @param attempts times that a task took the row
     * @param crashes attempts that a crash of the engine or the executor ended
     * @param isolatedCrashes crashes while no other row was on the executor
     */
    record Count(int attempts, int crashes, int isolatedCrashes) implements Serializable {
        private Count plus(Count more) {
            return new Count(attempts + more.attempts, crashes + more.crashes, isolatedCrashes + more.isolatedCrashes);
        }

        private static Count of(RowAttempt once) {
            int crashed = once.released() ? 0 : 1;
            return new Count(1, crashed, once.alone() ? crashed : 0);
        }
    }

    public AttemptCounts {
        counts = Map.copyOf(counts);
    }

    /** Reads the counts from the logs of attempts: the files whose names begin with {@code writers} and that are {@code counted}. */
    public static AttemptCounts in(Journal journal, String writers, Predicate<Path> counted) {
        Map<PromptRow.Key, Count> counts = new HashMap<>();
        Map<String, Map<PromptRow.Key, RowAttempt>> attempts = new LinkedHashMap<>();
        for (Path file :
                AttemptLog.files(journal, writers).stream().filter(counted).toList()) {
            String name = file.getName();
            List<RowAttempt> rows = AttemptLog.read(journal.fs(), file);
            // An attempt that crashes while it replaces its file leaves two. It attempted each row once.
            Map<PromptRow.Key, RowAttempt> attempt =
                    attempts.computeIfAbsent(name.substring(0, name.lastIndexOf('-')), first -> new HashMap<>());
            rows.forEach(row -> attempt.put(new PromptRow.Key(row.file(), row.row(), row.sample()), row));
        }
        attempts.values().forEach(rows -> rows.forEach((key, row) -> counts.merge(key, Count.of(row), Count::plus)));
        return new AttemptCounts(counts);
    }

    AttemptCounts plus(AttemptCounts more) {
        Map<PromptRow.Key, Count> sum = new HashMap<>(counts);
        more.counts.forEach((key, count) -> sum.merge(key, count, Count::plus));
        return new AttemptCounts(sum);
    }

    private Count of(PromptRow row) {
        return counts.getOrDefault(row.key(), NEVER);
    }

    /** Returns how often the row was attempted, this attempt included. A poison row is not attempted again. */
    int attempts(PromptRow row) {
        return of(row).attempts() + (isPoison(row) ? 0 : 1);
    }

    boolean crashed(PromptRow row) {
        return of(row).crashes() > 0;
    }

    boolean isSuspicious(PromptRow row) {
        return of(row).crashes() >= SUSPICIOUS_CRASHES;
    }

    /** Whether the row is proved to crash its executor. */
    boolean isPoison(PromptRow row) {
        return of(row).isolatedCrashes() >= PROVING_CRASHES;
    }
}
