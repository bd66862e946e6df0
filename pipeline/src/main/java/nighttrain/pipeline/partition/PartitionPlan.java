package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.pipeline.partition.PrefixGroups.Search;
import nighttrain.pipeline.read.RowNames;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.api.java.UDF3;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;

/**
 * Decides which task computes which prompts, and in which order: the longest first, and prompts with the same prefix together. A prompt's
 * task depends only on its text, its position in the input and a few numbers of the run, so a restarted task has the same prompts.
 */
public final class PartitionPlan {
    private static final String TOKENS = "_nt_tokens";
    private static final String GROUP = "_nt_group";

    private final TokenEstimate estimate;
    private final int prefixChars;
    private final TaskOf taskOf;
    private final Optional<Lengths> lengths;

    private PartitionPlan(TokenEstimate estimate, PrefixGroups groups, TaskOf taskOf, Optional<Lengths> lengths) {
        this.estimate = estimate;
        this.prefixChars = groups.prefixChars();
        this.taskOf = taskOf;
        this.lengths = lengths;
    }

    /**
     * Plans the tasks for the current executors, whose engines run {@code maxNumSeqs} sequences at a time.
     *
     * @param prompts prompts, at least one
     * @param rows the number of prompts
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
        return new PartitionPlan(
                estimate,
                survey.groups(),
                new TaskOf(line, TaskSizes.ends(line, slots)),
                Optional.of(estimate.lengths(survey.lengths().meanTokens())));
    }

    /** Returns the plan for prompts that all run at once: every slot gets the same number, and no survey is needed. */
    private static PartitionPlan even(int tasks, long rows, TokenEstimate estimate) {
        LengthHistogram alike = new LengthHistogram();
        alike.add(0, rows, rows);
        double[] ends = IntStream.rangeClosed(1, tasks)
                .mapToDouble(task -> (double) rows * task / tasks)
                .toArray();
        return new PartitionPlan(
                estimate,
                PrefixGroups.none(),
                new TaskOf(TokenLine.of(alike, PrefixGroups.none()), ends),
                Optional.empty());
    }

    /** Returns the mean lengths of the prompts and their outputs, if a survey was made. */
    public Optional<Lengths> lengths() {
        return lengths;
    }

    /** Returns the number of tasks that share the prompts. */
    public int tasks() {
        return taskOf.tasks();
    }

    /** Partitions the prompts. Within a task, groups follow one another, and prompts without a group are sorted longest first. */
    public Dataset<Row> partition(Dataset<Row> prompts) {
        Column group = prefixChars == 0 ? lit(0L) : Search.group(prefixChars);
        Column task = udf(taskOf, DataTypes.IntegerType).apply(col(TOKENS), col(GROUP), col(RowNames.POSITION));
        Dataset<Row> measured = prompts.withColumn(TOKENS, estimate.tokens()).withColumn(GROUP, group);
        return PartitionById.of(measured, tasks(), task)
                .sortWithinPartitions(col(GROUP), desc(TOKENS), col(RowNames.POSITION), col(RowNames.SAMPLE))
                .select(Arrays.stream(prompts.columns()).map(functions::col).toArray(Column[]::new));
    }

    /** The survey of all prompts: a histogram and prefix groups, whose size does not depend on the number of rows. */
    record PromptSurvey(LengthHistogram lengths, PrefixGroups groups) {
        static PromptSurvey of(Dataset<Row> prompts, TokenEstimate estimate, Slots slots) {
            Observation beginnings = new Observation("night-train-beginnings");
            Search search = new Search(slots);
            Column[] asked = search.asked();
            Column lengthClass = udf((UDF1<Long, Integer>) LengthHistogram::classOf, DataTypes.IntegerType)
                    .apply(col("tokens"));
            LengthHistogram lengths = new LengthHistogram();
            prompts.observe(beginnings, asked[0], Arrays.copyOfRange(asked, 1, asked.length))
                    .select(estimate.tokens().as("tokens"))
                    .groupBy(lengthClass)
                    .agg(count(lit(1)), sum("tokens"))
                    .collectAsList()
                    .forEach(found -> lengths.add(found.getInt(0), found.getLong(1), found.getLong(2)));
            return new PromptSurvey(lengths, search.groups(prompts, seen(beginnings)));
        }

        private static Map<String, Object> seen(Observation observation) {
            try {
                return observation.getAsJava();
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("stopped while surveying the prompts", stopped);
            }
        }
    }

    /** Computes the task of a prompt from its length in tokens, its group and its position in the input. */
    static final class TaskOf implements UDF3<Long, Long, Long, Integer> {
        private static final long serialVersionUID = 1L;

        private final TokenLine line;
        private final double[] ends;

        TaskOf(TokenLine line, double[] ends) {
            this.line = line;
            this.ends = ends.clone();
        }

        int tasks() {
            return ends.length;
        }

        @Override
        public Integer call(Long tokens, Long group, Long position) {
            return task(tokens, group, position);
        }

        int task(long tokens, long group, long position) {
            int found = Arrays.binarySearch(ends, line.place(LengthHistogram.classOf(tokens), group, position));
            int after = found >= 0 ? found + 1 : -found - 1;
            return Math.min(after, ends.length - 1);
        }
    }
}
