package nighttrain.pipeline.task;

import java.io.Serializable;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.row.Decoding;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.settings.ChatTemplateOptions;
import nighttrain.pipeline.settings.GenerateOptions;

/**
 * What tasks need to know; travels to executors.
 *
 * @param context run, engine and journal
 * @param pass which rows, and until when
 * @param kind what each row becomes
 * @param decoding how outputs come about where rows do not say it
 * @param system message put before every prompt; null for none
 * @param chat which chat template conversations go through
 * @param truncate what becomes of prompts longer than the context
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
    /** That of a job's run. */
    public static TaskSpec of(RunContext context, Pass pass, GenerateOptions options) {
        return new TaskSpec(
                context,
                pass,
                options.input().kind(),
                new Decoding(options.sampling(), options.stop(), options.seed()),
                options.prompts().system().orElse(null),
                options.prompts().chat(),
                options.prompts().truncate(),
                options.output().tokenIds());
    }
}
