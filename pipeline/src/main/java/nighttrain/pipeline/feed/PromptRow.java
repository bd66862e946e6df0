package nighttrain.pipeline.feed;

import java.io.Serializable;
import java.util.Map;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.row.Conversation;
import nighttrain.pipeline.row.Prompt;
import nighttrain.pipeline.row.RowFault;
import org.apache.spark.sql.Row;

/**
 * One output to compute.
 *
 * @param file input file, relative to the input root
 * @param row position in that file
 * @param sample which of the row's outputs
 * @param id what users call the row
 * @param prompt text to complete, or null
 * @param messages conversation to continue, as JSON, or null
 * @param flaw what is wrong with the row whatever its prompt is, or null
 */
record PromptRow(String file, long row, int sample, String id, String prompt, String messages, RowFault flaw) {
    /** What no other output has. */
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

    /** What the row asks the model to go on with. */
    Prompt asPrompt() throws RowFault {
        if (messages != null) {
            return new Prompt.Chat(Conversation.parse(messages), Map.of());
        }
        if (prompt == null) {
            throw new RowFault(
                    "null_prompt", "prompt is null: row " + id + " (text is needed; fill it or leave the row out)");
        }
        return new Prompt.Text(prompt);
    }

    Key key() {
        return new Key(file, row, sample);
    }
}
