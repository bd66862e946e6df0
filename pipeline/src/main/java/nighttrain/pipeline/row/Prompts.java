package nighttrain.pipeline.row;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import nighttrain.pipeline.row.RowKind.RowInput;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** Tables whose columns hold prompts or conversations; all rows are decoded as the job says. */
public record Prompts() implements RowKind {
    private static final long serialVersionUID = 1L;

    @Override
    public Optional<Dataset<Row>> table(DataFrameReader reader, String path) {
        return Optional.empty();
    }

    @Override
    public Optional<String> requestColumn() {
        return Optional.empty();
    }

    @Override
    public Optional<String> idColumn() {
        return Optional.empty();
    }

    @Override
    public List<String> keptColumns() {
        return List.of();
    }

    @Override
    public List<RowRequest> requests(RowInput row, Decoding job) throws RowFault {
        Prompt prompt = row.messages() == null
                ? new Prompt.Text(row.prompt())
                : new Prompt.Chat(Conversation.parse(row.messages()), Map.of());
        return List.of(new RowRequest(prompt, job));
    }

    /** Its text. */
    @Override
    public Optional<String> answer(List<Output> outputs) {
        return Optional.empty();
    }

    @Override
    public Map<String, Column> columns() {
        return Map.of();
    }

    @Override
    public Set<String> leftOut() {
        return Set.of();
    }

    @Override
    public boolean logprobsHaveOffsets() {
        return false;
    }

    @Override
    public Optional<Function<StructType, MapFunction<Row, String>>> responses(String model, long createdS) {
        return Optional.empty();
    }
}
