package nighttrain.io.journal;

import java.time.Instant;
import java.util.List;
import nighttrain.io.table.MetricsRow;
import org.apache.arrow.vector.types.pojo.Schema;

/** Engine counters; {@code at_ms} is milliseconds since 1970. */
final class MetricsFormat implements RowFormat<MetricsRow> {
    static final MetricsFormat INSTANCE = new MetricsFormat();

    private static final Schema SCHEMA = new Schema(List.of(
            Columns.text("executor"),
            Columns.int32("replica"),
            Columns.int64("at_ms"),
            Columns.int64("interval_ms"),
            Columns.int32("running"),
            Columns.int32("waiting"),
            Columns.int64("prompt_tokens"),
            Columns.int64("cached_prompt_tokens"),
            Columns.int64("output_tokens"),
            Columns.int64("steps"),
            Columns.float64("step_ms"),
            Columns.float64("comm_ms"),
            Columns.int32("kv_used"),
            Columns.int32("kv_pages"),
            Columns.float64("gpu_util"),
            Columns.int64("gpu_memory_bytes"),
            Columns.float64("gpu_watts")));

    private MetricsFormat() {}

    @Override
    public String prefix() {
        return "metrics-";
    }

    @Override
    public Schema schema() {
        return SCHEMA;
    }

    @Override
    public void write(MetricsRow row, RowWriter columns) {
        columns.text(row.executor());
        columns.int32(row.replica());
        columns.int64(row.at().toEpochMilli());
        columns.int64(row.intervalMs());
        columns.int32(row.running());
        columns.int32(row.waiting());
        columns.int64(row.promptTokens());
        columns.int64(row.cachedPromptTokens());
        columns.int64(row.outputTokens());
        columns.int64(row.steps());
        columns.float64(row.stepMs());
        columns.float64(row.commMs());
        columns.int32(row.kvUsed());
        columns.int32(row.kvPages());
        columns.float64(row.gpuUtil());
        columns.int64(row.gpuMemoryBytes());
        columns.float64(row.gpuWatts());
    }

    @Override
    public MetricsRow read(RowReader columns) {
        // Arguments are evaluated from left to right, which is the schema's order.
        return new MetricsRow(
                columns.text(),
                columns.int32(),
                Instant.ofEpochMilli(columns.int64()),
                columns.int64(),
                columns.int32(),
                columns.int32(),
                columns.int64(),
                columns.int64(),
                columns.int64(),
                columns.int64(),
                columns.float64(),
                columns.float64(),
                columns.int32(),
                columns.int32(),
                columns.float64(),
                columns.int64(),
                columns.float64());
    }
}
