package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.pipeline.partition.PartitionPlan;
import nighttrain.pipeline.partition.TokenEstimate;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Plans a run over many rows, from their files to the tasks that would compute them, with executors in other processes, and prints the driver's final
 * heap use. Arguments: scratch directory, rows.
 */
public final class PlanningHeap {
    private static final int MAX_NUM_SEQS = 256;

    private PlanningHeap() {}

    public static void main(String[] args) throws IOException {
        Path dir = Path.of(args[0]);
        long rows = Long.parseLong(args[1]);
        try (SparkSession spark = LocalCluster.session("local-cluster[1,2,512]", dir)) {
            Path input = dir.resolve("input-" + rows);
            if (!Files.exists(input)) {
                spark.range(0, rows, 1, 16)
                        .selectExpr("id as key", "concat('Row ', id) as prompt", "id % 7 as kept")
                        .write()
                        .parquet(input.toString());
            }
            long before = heapInUse();
            long startNanos = System.nanoTime();
            Dataset<Row> dealt = plan(spark, dir, input);
            long tasks = dealt.rdd().getNumPartitions();
            double seconds = (System.nanoTime() - startNanos) / 1e9;
            System.out.printf(
                    "%d rows in %d tasks planned in %.1f s: driver's heap %.1f MiB before, %.1f MiB after (at most %d"
                            + " MiB)%n",
                    rows,
                    tasks,
                    seconds,
                    before / 1048576.0,
                    heapInUse() / 1048576.0,
                    Runtime.getRuntime().maxMemory() >> 20);
        }
    }

    private static Dataset<Row> plan(SparkSession spark, Path dir, Path input) {
        GenerateOptions options = GenerateOptions.of(SettingValues.none()
                .with(Settings.MODEL, "none")
                .with(Settings.INPUT_PATH, input.toString())
                .with(Settings.ID_COLUMN, "key")
                .with(Settings.OUTPUT_PATH, dir.resolve("output").toString()));
        InputSource source = new InputReader(spark).open(options.input());
        InputColumns columns = InputColumns.of(source.schema(), options, ResultColumns.names(options));
        org.apache.hadoop.fs.Path unused = new org.apache.hadoop.fs.Path(dir.toString(), "unused");
        PromptTable table = PromptTable.of(source, columns, unused, unused);
        Dataset<Row> prompts = table.prompts();
        return PartitionPlan.of(
                        prompts,
                        table.rows(),
                        new TokenEstimate(256, 4096, TokenEstimate.CHARS_PER_TOKEN),
                        MAX_NUM_SEQS)
                .partition(prompts);
    }

    /** Returns the heap in use after a full collection. */
    private static long heapInUse() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
