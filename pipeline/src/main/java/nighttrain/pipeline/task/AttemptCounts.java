package nighttrain.pipeline.task;

import java.io.Serializable;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.AttemptFiles;
import nighttrain.io.table.RowAttempt;
import org.apache.hadoop.fs.Path;

/**
 * How often rows that are not finished were taken up, and how often what computed them died meanwhile.
 *
 * @param counts by row; no other row was ever taken up
 */
public record AttemptCounts(Map<PromptRow.Key, Count> counts) implements Serializable {
    /** A row that was in flight at so many deaths may be their cause, and is tried again without company. */
    static final int SUSPICIOUS_DEATHS = 2;

    /** One may be a node's that was lost, or a job's that was stopped, just then. */
    static final int PROVING_DEATHS = 2;

    private static final Count NEVER = new Count(0, 0, 0);

    /**
     * Of one row.
     *
     * @param tries times that it was taken up
     * @param deaths of these, ended by the death of engine or executor
     * @param deathsAlone of these, while no other row was there
     */
    record Count(int tries, int deaths, int deathsAlone) implements Serializable {
        private Count plus(Count more) {
            return new Count(tries + more.tries, deaths + more.deaths, deathsAlone + more.deathsAlone);
        }

        private static Count of(RowAttempt once) {
            int died = once.released() ? 0 : 1;
            return new Count(1, died, once.alone() ? died : 0);
        }
    }

    public AttemptCounts {
        counts = Map.copyOf(counts);
    }

    /** What attempts left behind whose name begins with {@code writers}. */
    public static AttemptCounts in(Journal journal, String writers) {
        Map<PromptRow.Key, Count> counts = new HashMap<>();
        Map<String, Map<PromptRow.Key, RowAttempt>> attempts = new LinkedHashMap<>();
        for (Path file : AttemptFiles.list(journal, writers)) {
            String name = file.getName();
            List<RowAttempt> rows = AttemptFiles.read(journal.fs(), file);
            // An attempt that dies while it replaces its file leaves two; it tried each row once all the same.
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

    /** Times that it was taken up, this one included; a guilty row is not taken up again. */
    int attempts(PromptRow row) {
        return of(row).tries() + (isGuilty(row) ? 0 : 1);
    }

    boolean sawADeath(PromptRow row) {
        return of(row).deaths() > 0;
    }

    boolean isSuspicious(PromptRow row) {
        return of(row).deaths() >= SUSPICIOUS_DEATHS;
    }

    /** Whether it is known to end what computes it. */
    boolean isGuilty(PromptRow row) {
        return of(row).deathsAlone() >= PROVING_DEATHS;
    }
}
