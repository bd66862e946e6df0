package nighttrain.pipeline.row;

import java.util.List;
import java.util.Map;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;

/** The kind of rows whose columns hold prompts or conversations; the job's decoding applies to all rows. */
public record Prompts() implements RowKind {
    private static final long serialVersionUID = 1L;

    @Override
    public List<RowRequest> requests(RowInput row, Decoding job) throws RowFault {
        Prompt prompt = row.messages() == null
                ? new Prompt.Text(row.prompt())
                : new Prompt.Chat(Conversation.parse(row.messages()), Map.of());
        return List.of(new RowRequest(prompt, job));
    }
}
