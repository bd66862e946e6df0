package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.approx_count_distinct;
import static org.apache.spark.sql.functions.call_function;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Finds out from sketches whether prompts are worth bringing together by their beginnings, and by how much of these. The rule:
 * of 64, 128, ... 4096 characters, those with which grouping saves most; and only where that is an eighth of all characters.
 */
final class PrefixGroupSearch {
    private static final int[] CHARS = {64, 128, 256, 512, 1024, 2048, 4096};
    /** As many beginnings stay in every engine's cache whatever the order: those of templates and of few-shot examples. */
    private static final long FEW = 64;

    private static final double WORTH_IT = 0.125;
    /** Towards the end of the grouped part, tasks are this part of a slot's share: larger groups may be cut. */
    private static final int LARGE_PER_SLOT = 32;

    private static final int MOST_LARGE = 8192;

    private final double smallestLarge;
    private final int mostLarge;

    PrefixGroupSearch(Slots slots) {
        this.mostLarge = Math.min(MOST_LARGE, LARGE_PER_SLOT * slots.all());
        this.smallestLarge = 1.0 / mostLarge;
    }

    /** Which group a prompt belongs to, by that many characters. */
    static Column group(int chars) {
        return xxhash64(substring(TokenEstimate.text(), 1, chars));
    }

    /** Aggregates that {@link #groups} needs. */
    Column[] asked() {
        List<Column> columns = new ArrayList<>();
        columns.add(count(lit(1)).as("rows"));
        columns.add(sum(length(TokenEstimate.text())).as("chars"));
        for (int chars : CHARS) {
            Column group = group(chars);
            columns.add(approx_count_distinct(group).as("groups" + chars));
            columns.add(sum(least(length(TokenEstimate.text()), lit(chars))).as("chars" + chars));
            columns.add(call_function("approx_top_k", group, lit(mostLarge), lit(4 * mostLarge))
                    .as("large" + chars));
        }
        return columns.toArray(Column[]::new);
    }

    /** By what was {@link #asked}. */
    PrefixGroups groups(Map<String, Object> seen) {
        int best = IntStream.of(CHARS)
                .boxed()
                .max((a, b) -> Double.compare(savedChars(seen, a), savedChars(seen, b)))
                .orElseThrow();
        return savedChars(seen, best) < WORTH_IT * number(seen, "chars")
                ? PrefixGroups.none()
                : PrefixGroups.of(best, large(seen, best));
    }

    /** Every prompt of a group but the first. */
    private static double savedChars(Map<String, Object> seen, int chars) {
        double groups = number(seen, "groups" + chars);
        double repeated = Math.max(0, 1 - groups / number(seen, "rows"));
        return groups <= FEW ? 0 : repeated * number(seen, "chars" + chars);
    }

    private Map<Long, Double> large(Map<String, Object> seen, int chars) {
        Map<Long, Double> shares = new HashMap<>();
        for (Object item : CollectionConverters.asJava((Seq<?>) seen.get("large" + chars))) {
            double share = ((Row) item).getLong(1) / number(seen, "rows");
            if (share > smallestLarge) {
                shares.put(((Row) item).getLong(0), share);
            }
        }
        return shares;
    }

    private static double number(Map<String, Object> seen, String name) {
        return ((Number) seen.get(name)).doubleValue();
    }
}
