package nighttrain.pipeline.feed;

import java.io.Serializable;
import java.util.List;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.engine.RunContext;
import nighttrain.pipeline.settings.ChatTemplateOptions;
import nighttrain.pipeline.settings.GenerateOptions;

/**
 * What tasks need to know; travels to executors.
 *
 * @param context run, engine and journal
 * @param pass which rows, and until when
 * @param sampling how tokens are drawn
 * @param seed the job's
 * @param stop texts that end an output
 * @param system message put before every prompt; null for none
 * @param chat which chat template conversations go through
 * @param truncate what becomes of prompts longer than the context
 * @param tokenIds whether results carry token ids
 * @param requests whether prompts are requests of an OpenAI batch file
 */
public record FeedSpec(
        RunContext context,
        Pass pass,
        SamplingParams sampling,
        long seed,
        List<String> stop,
        String system,
        ChatTemplateOptions chat,
        Truncation truncate,
        boolean tokenIds,
        boolean requests)
        implements Serializable {
    /** That of a job's run. */
    public static FeedSpec of(RunContext context, Pass pass, GenerateOptions options) {
        return new FeedSpec(
                context,
                pass,
                options.sampling(),
                options.seed(),
                options.stop(),
                options.prompts().system().orElse(null),
                options.prompts().chat(),
                options.prompts().truncate(),
                options.output().tokenIds(),
                options.input().isBatch());
    }
}
