package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;

import java.util.Arrays;
import java.util.stream.IntStream;
import nighttrain.pipeline.read.RowNames;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;

/**
 * Which task computes which prompts, and in which order: the longest first, and what begins alike together. A prompt's task
 * follows from its own text, its position in the input and a few numbers that hold for the whole run: a task that Spark starts
 * again meets the same prompts.
 */
public final class PartitionPlan {
    private static final String TOKENS = "_nt_tokens";
    private static final String GROUP = "_nt_group";

    private final TokenEstimate estimate;
    private final int prefixChars;
    private final TaskOf taskOf;

    private PartitionPlan(TokenEstimate estimate, PrefixGroups groups, TaskOf taskOf) {
        this.estimate = estimate;
        this.prefixChars = groups.prefixChars();
        this.taskOf = taskOf;
    }

    /**
     * For the executors that there are, whose engines run {@code maxNumSeqs} sequences at a time.
     *
     * @param prompts those to be dealt, at least one
     * @param rows how many they are
     */
    public static PartitionPlan of(Dataset<Row> prompts, long rows, TokenEstimate estimate, int maxNumSeqs) {
        SparkContext spark = prompts.sparkSession().sparkContext();
        Slots slots = Slots.of(spark, maxNumSeqs);
        if (rows <= slots.queues()) {
            return even((int) Math.min(slots.all(), rows), rows, estimate);
        }
        spark.setJobDescription("Night Train: survey prompts");
        try {
            return of(PromptSurvey.of(prompts, estimate, slots), estimate, slots);
        } finally {
            spark.setJobDescription(null);
        }
    }

    private static PartitionPlan of(PromptSurvey survey, TokenEstimate estimate, Slots slots) {
        TokenLine line = TokenLine.of(survey.lengths(), survey.groups());
        return new PartitionPlan(estimate, survey.groups(), new TaskOf(line, TaskSizes.ends(line, slots)));
    }

    /** Every slot gets as many: all that there is runs at once, so that there is nothing to survey. */
    private static PartitionPlan even(int tasks, long rows, TokenEstimate estimate) {
        LengthHistogram alike = new LengthHistogram();
        alike.add(0, rows, rows);
        double[] ends = IntStream.rangeClosed(1, tasks)
                .mapToDouble(task -> (double) rows * task / tasks)
                .toArray();
        return new PartitionPlan(estimate, PrefixGroups.none(), new TaskOf(TokenLine.of(alike, PrefixGroups.none()), ends));
    }

    /** How many tasks share the prompts. */
    public int tasks() {
        return taskOf.tasks();
    }

    /** Deals the prompts out. Within a task groups come one after another, and what has no group the longest first. */
    public Dataset<Row> deal(Dataset<Row> prompts) {
        Column group = prefixChars == 0 ? lit(0L) : PrefixGroupSearch.group(prefixChars);
        Column task = udf(taskOf, DataTypes.IntegerType).apply(col(TOKENS), col(GROUP), col(RowNames.POSITION));
        return prompts.withColumn(TOKENS, estimate.tokens())
                .withColumn(GROUP, group)
                .repartitionById(tasks(), task)
                .sortWithinPartitions(col(GROUP), desc(TOKENS), col(RowNames.POSITION), col(RowNames.SAMPLE))
                .select(Arrays.stream(prompts.columns()).map(functions::col).toArray(Column[]::new));
    }
}
