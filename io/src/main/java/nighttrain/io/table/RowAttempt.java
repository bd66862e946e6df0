package nighttrain.io.table;

import java.util.Objects;

/**
 * A row that a task had taken up when the task ended.
 *
 * @param file the input file, relative to the input root
 * @param row position in that file, from 0
 * @param sample which of the {@code n} completions, from 0
 * @param alone whether it was alone on its executor
 * @param released whether its task gave it back in good order; else what computed it died
 */
public record RowAttempt(String file, long row, int sample, boolean alone, boolean released) {
    public RowAttempt {
        Objects.requireNonNull(file, "file");
    }
}
