package nighttrain.pipeline.runreport;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.nullif;
import static org.apache.spark.sql.functions.sum;

import java.util.Locale;
import org.apache.spark.sql.Column;

/** The measures of an executor that the report draws, computed from the samples of a stretch of time. */
enum Measure {
    OUTPUT_TOKENS("Output tokens per second", "tokens/s", perSecond("output_tokens")),
    PROMPT_TOKENS("Prompt tokens per second", "tokens/s", perSecond("prompt_tokens")),
    RUNNING("Running sequences", "sequences", avg("running")),
    WAITING("Waiting requests", "requests", avg("waiting")),
    KV_USE("KV cache in use", "%", percent(avg(col("kv_used").divide(nullif(col("kv_pages"), lit(0)))))),
    COMMUNICATION(
            "Step time spent in communication", "%", percent(sum("comm_ms").divide(nullif(sum("step_ms"), lit(0))))),
    EXPERT_IMBALANCE("Tokens of the busiest expert over the average", "times", avg("expert_imbalance")),
    GPU_BUSY("GPUs busy", "%", percent(avg("gpu_util"))),
    GPU_MEMORY("GPU memory in use", "GB", avg("gpu_memory_bytes").divide(lit(1e9))),
    GPU_POWER("Power drawn by the GPUs", "W", avg("gpu_watts"));

    private final String title;
    private final String unit;
    private final Column value;

    Measure(String title, String unit, Column value) {
        this.title = title;
        this.unit = unit;
        this.value = value;
    }

    String title() {
        return title;
    }

    String unit() {
        return unit;
    }

    /** Returns an aggregate over rows of the metrics table, named {@link #column()}; null where the samples have no value. */
    Column aggregate() {
        return value.cast("double").as(column());
    }

    String column() {
        return name().toLowerCase(Locale.ROOT);
    }

    private static Column perSecond(String counter) {
        return sum(counter).multiply(lit(1000)).divide(nullif(sum("interval_ms"), lit(0)));
    }

    private static Column percent(Column share) {
        return share.multiply(lit(100));
    }
}
