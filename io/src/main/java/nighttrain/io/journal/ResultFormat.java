package nighttrain.io.journal;

import java.util.List;
import nighttrain.io.table.ResultRow;
import org.apache.arrow.vector.types.pojo.Schema;

/** Finished rows. */
final class ResultFormat implements RowFormat<ResultRow> {
    static final ResultFormat INSTANCE = new ResultFormat();

    private static final Schema SCHEMA = new Schema(List.of(
            Columns.text("file"),
            Columns.int64("row"),
            Columns.int32("sample"),
            Columns.text("id"),
            Columns.text("text"),
            Columns.text("finish_reason"),
            Columns.int32("prompt_tokens"),
            Columns.int32("output_tokens"),
            Columns.text("error"),
            Columns.text("error_message"),
            Columns.float64("ttft_ms"),
            Columns.float64("tpot_ms"),
            Columns.float64("e2e_ms"),
            Columns.int32("attempts"),
            Columns.text("executor"),
            Columns.int32List("token_ids"),
            Columns.text("logprobs"),
            Columns.text("prompt_logprobs")));

    private ResultFormat() {}

    @Override
    public String prefix() {
        return "results-";
    }

    @Override
    public Schema schema() {
        return SCHEMA;
    }

    @Override
    public void write(ResultRow row, RowWriter columns) {
        columns.text(row.file());
        columns.int64(row.row());
        columns.int32(row.sample());
        columns.text(row.id());
        columns.text(row.text());
        columns.text(row.finishReason());
        columns.int32(row.promptTokens());
        columns.int32(row.outputTokens());
        columns.text(row.error());
        columns.text(row.errorMessage());
        columns.float64(row.ttftMs());
        columns.float64(row.tpotMs());
        columns.float64(row.e2eMs());
        columns.int32(row.attempts());
        columns.text(row.executor());
        columns.int32List(row.tokenIds());
        columns.text(row.logprobsJson());
        columns.text(row.promptLogprobsJson());
    }

    @Override
    public long bytes(ResultRow row) {
        long chars = chars(row.id())
                + chars(row.text())
                + chars(row.errorMessage())
                + chars(row.logprobsJson())
                + chars(row.promptLogprobsJson());
        long tokenIds = row.tokenIds() == null ? 0 : row.tokenIds().length;
        return 256 + chars + Integer.BYTES * tokenIds;
    }

    private static long chars(String text) {
        return text == null ? 0 : text.length();
    }

    @Override
    public ResultRow read(RowReader columns) {
        // Arguments are evaluated from left to right, which is the schema's order.
        return new ResultRow(
                columns.text(),
                columns.int64(),
                columns.int32(),
                columns.text(),
                columns.text(),
                columns.text(),
                columns.int32(),
                columns.int32(),
                columns.text(),
                columns.text(),
                columns.float64(),
                columns.float64(),
                columns.float64(),
                columns.int32(),
                columns.text(),
                columns.int32List(),
                columns.text(),
                columns.text());
    }
}
