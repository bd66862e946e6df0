package nighttrain.pipeline.task;

import java.io.Serializable;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowKind.RowInput;
import org.apache.spark.sql.Row;

/**
 * One output to compute.
 *
 * @param file input file, relative to the input root
 * @param row position in that file, from 0
 * @param sample index of the output among the row's outputs, from 0
 * @param id the user's name of the row
 * @param prompt text to complete, or null
 * @param messages conversation to continue, as JSON, or null
 * @param flaw error of the row found before its prompt is read, or null
 */
record PromptRow(String file, long row, int sample, String id, String prompt, String messages, RowFault flaw) {
    /** Identifies an output. */
    record Key(String file, long row, int sample) implements Serializable {}

    static PromptRow of(Row row) {
        return new PromptRow(
                row.getAs(RowNames.FILE),
                row.<Long>getAs(RowNames.ROW),
                row.<Integer>getAs(RowNames.SAMPLE),
                row.getAs(RowNames.ID),
                row.getAs(RowNames.PROMPT),
                row.getAs(RowNames.MESSAGES),
                flaw(row.getAs(RowNames.FLAW)));
    }

    private static RowFault flaw(Row flaw) {
        return flaw == null ? null : new RowFault(flaw.getAs(RowNames.KIND), flaw.getAs(RowNames.MESSAGE));
    }

    /** Returns the input for the row's {@link nighttrain.pipeline.row.RowKind}. */
    RowInput input() {
        return new RowInput(row, prompt, messages);
    }

    Key key() {
        return new Key(file, row, sample);
    }
}
