package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.substring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.read.UnreadableFile;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * A sample of a job's prompts: the first rows at a few places in the input. An engine that has to choose its batch size waits for their
 * mean length. The survey of all prompts may take minutes and runs while the engine loads.
 *
 * @param chars number of characters of each prompt
 * @param beginnings beginnings of some prompts; empty texts for the others
 */
public record Glance(List<Integer> chars, List<String> beginnings) {
    private static final int PLACES = 8;
    /** Enough rows in total for a mean within some percent, and fewer than Spark reads of a file at a time. */
    private static final int ROWS_PER_PLACE = 512;

    /** Enough to know the characters per token within some percent; counting their tokens takes some 10 ms. */
    private static final int BEGINNINGS_PER_PLACE = 8;

    private static final int BEGINNING_CHARS = 300;

    /** Samples the prompts of a source. */
    public static Glance at(InputSource source, InputColumns columns) {
        Dataset<Row> table = source.table(columns.used());
        SparkContext spark = table.sparkSession().sparkContext();
        spark.setJobDescription("Night Train: glance at prompts");
        try {
            JavaRDD<Row> prompts = table.select(
                            columns.prompt().prompt().as(RowNames.PROMPT),
                            columns.prompt().messages().as(RowNames.MESSAGES))
                    .select(length(TokenEstimate.text()), substring(TokenEstimate.text(), 1, BEGINNING_CHARS))
                    .javaRDD()
                    .mapPartitions(Glance::first);
            List<Row> seen = Arrays.stream(prompts.collectPartitions(places(prompts.getNumPartitions())))
                    .flatMap(List::stream)
                    .toList();
            return new Glance(
                    seen.stream().map(row -> row.getInt(0)).toList(),
                    seen.stream().map(row -> row.getString(1)).toList());
        } catch (Exception failed) { // Scala throws undeclared checked exceptions
            UnreadableFile.throwIfBehind(failed);
            throw failed;
        } finally {
            spark.setJobDescription(null);
        }
    }

    private static int[] places(int partitions) {
        int places = Math.min(PLACES, partitions);
        return IntStream.range(0, places)
                .map(place -> (int) ((long) place * partitions / places))
                .toArray();
    }

    private static Iterator<Row> first(Iterator<Row> rows) {
        List<Row> first = new ArrayList<>();
        while (first.size() < ROWS_PER_PLACE && rows.hasNext()) {
            Row row = rows.next();
            first.add(first.size() < BEGINNINGS_PER_PLACE ? row : RowFactory.create(row.getInt(0), ""));
        }
        return first.iterator();
    }

    /** Returns the mean number of characters per token over the beginnings. */
    public double charsPerToken(Tokenizer tokenizer) {
        long tokens = beginnings.stream()
                .mapToLong(text -> tokenizer.encode(text, false).length)
                .sum();
        long all = beginnings.stream()
                .mapToLong(text -> text.codePointCount(0, text.length()))
                .sum();
        return tokens == 0 ? TokenEstimate.CHARS_PER_TOKEN : (double) all / tokens;
    }

    /** Returns the mean lengths; {@link Lengths#UNKNOWN} without rows. */
    public Lengths lengths(TokenEstimate estimate) {
        return chars.isEmpty()
                ? Lengths.UNKNOWN
                : estimate.lengths(chars.stream().mapToLong(estimate::tokens).sum() / chars.size());
    }
}
