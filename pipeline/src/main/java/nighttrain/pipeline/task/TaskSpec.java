package nighttrain.pipeline.task;

import java.io.Serializable;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.settings.ChatTemplateOptions;
import nighttrain.pipeline.settings.GenerateOptions;

/**
 * The facts that a task needs. Spark sends them to executors.
 *
 * @param context run, engine and journal
 * @param pass which rows to compute, and the deadline
 * @param kind kind of the rows
 * @param decoding how outputs are generated, unless a row sets its own parameters
 * @param system system message before every prompt; null for none
 * @param chat the chat template of conversations
 * @param truncate how prompts longer than the context are shortened
 * @param tokenIds whether results carry token ids
 */
public record TaskSpec(
        RunContext context,
        Pass pass,
        RowKind kind,
        Decoding decoding,
        String system,
        ChatTemplateOptions chat,
        Truncation truncate,
        boolean tokenIds)
        implements Serializable {
    /** Returns the spec of a job's run. */
    public static TaskSpec of(RunContext context, Pass pass, GenerateOptions options) {
        return new TaskSpec(
                context,
                pass,
                options.input().kind(),
                options.decoding(),
                options.prompts().system().orElse(null),
                options.prompts().chat(),
                options.prompts().truncate(),
                options.output().tokenIds());
    }

    /**
     * One of a run's two passes over the rows that are left. The first computes all rows but the suspicious ones together. The
     * second computes each suspicious row isolated: no other row is on its executor.
     *
     * @param isolated whether this is the second pass
     * @param attempts earlier attempts at the rows
     * @param endMs when the last row must be finished, in milliseconds since 1970; {@link Long#MAX_VALUE} for no deadline
     */
    public record Pass(boolean isolated, AttemptCounts attempts, long endMs) implements Serializable {
        /** Returns the pass's letter in file names. */
        String letter() {
            return isolated ? "a" : "p";
        }
    }
}
