package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.approx_count_distinct;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.xxhash64;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Groups of prompts with the same prefix, identified by the prefix's hash. A group lies at one point of a segment, so that one task gets
 * it. A large group has a piece of its own, as long as its share, and may be cut.
 */
final class PrefixGroups implements Serializable {
    private static final long serialVersionUID = 1L;

    private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
    private static final double UNIT = 0x1p-53;

    private record Piece(double from, double width) implements Serializable {}

    private final int prefixChars;
    private final TreeMap<Long, Piece> large = new TreeMap<>();
    private final double largeTogether;

    private PrefixGroups(int prefixChars, Map<Long, Double> shares) {
        this.prefixChars = prefixChars;
        double all =
                Math.max(1, shares.values().stream().mapToDouble(share -> share).sum());
        double at = 0;
        for (Map.Entry<Long, Double> share : new TreeMap<>(shares).entrySet()) {
            double width = share.getValue() / all;
            large.put(share.getKey(), new Piece(at, width));
            at += width;
        }
        this.largeTogether = Math.min(1, at);
    }

    /** Returns no groups. */
    static PrefixGroups none() {
        return new PrefixGroups(0, Map.of());
    }

    /** Returns groups by the first {@code prefixChars} characters; {@code shares}: shares of the large groups among all prompts. */
    static PrefixGroups of(int prefixChars, Map<Long, Double> shares) {
        return new PrefixGroups(prefixChars, shares);
    }

    boolean isNone() {
        return prefixChars == 0;
    }

    int prefixChars() {
        return prefixChars;
    }

    /** Returns the place of a prompt in its segment, 0 to 1. */
    double share(long group, long position) {
        Piece own = large.get(group);
        return own == null
                ? largeTogether + (1 - largeTogether) * spread(group)
                : own.from() + own.width() * spreadEvenly(position);
    }

    /** Maps a number to 0 to 1. Multiples of the golden ratio spread more evenly than random numbers (Knuth, 6.4). */
    static double spreadEvenly(long number) {
        return spread(number * GOLDEN_RATIO);
    }

    private static double spread(long hash) {
        return (hash >>> 11) * UNIT;
    }

    /**
     * Decides whether to group prompts by prefix, and by which prefix length. Of 64, 128, ... 4096 characters it takes the length that
     * saves most, or no groups if that saves less than an eighth of all characters.
     */
    static final class Search {
        private static final int[] CHARS = {64, 128, 256, 512, 1024, 2048, 4096};
        /** This many prefixes, such as templates and few-shot examples, stay in every engine's cache in any order. */
        private static final long FEW = 64;

        private static final double WORTH_IT = 0.125;
        /** At the end of the grouped part, a task has one part in this many of a slot's share. Larger groups may be cut. */
        private static final int LARGE_PER_SLOT = 32;

        private static final int MOST_LARGE = 8192;

        private final double smallestLarge;

        Search(Slots slots) {
            this.smallestLarge = 1.0 / Math.min(MOST_LARGE, LARGE_PER_SLOT * slots.all());
        }

        /** Returns the group of a prompt by its first {@code chars} characters. */
        static Column group(int chars) {
            return xxhash64(substring(TokenEstimate.text(), 1, chars));
        }

        /** Returns the aggregates that {@link #prefixChars} needs. */
        Column[] asked() {
            List<Column> columns = new ArrayList<>();
            columns.add(count(lit(1)).as("rows"));
            columns.add(sum(length(TokenEstimate.text())).as("chars"));
            for (int chars : CHARS) {
                columns.add(approx_count_distinct(group(chars)).as("groups" + chars));
                columns.add(sum(least(length(TokenEstimate.text()), lit(chars))).as("chars" + chars));
            }
            return columns.toArray(Column[]::new);
        }

        /**
         * Returns the groups of {@code prompts} from the values of {@link #asked}; if there are groups, this takes one more pass over the
         * prompts.
         */
        PrefixGroups groups(Dataset<Row> prompts, Map<String, Object> seen) {
            int chars = prefixChars(seen);
            return chars == 0
                    ? PrefixGroups.none()
                    : PrefixGroups.of(chars, large(prompts, chars, number(seen, "rows")));
        }

        /** Returns the length of the prefixes; 0 if groups save too little. */
        private static int prefixChars(Map<String, Object> seen) {
            int best = IntStream.of(CHARS)
                    .boxed()
                    .max((a, b) -> Double.compare(savedChars(seen, a), savedChars(seen, b)))
                    .orElseThrow();
            return savedChars(seen, best) < WORTH_IT * number(seen, "chars") ? 0 : best;
        }

        /** Returns the characters that groups save: the prefixes of all prompts of a group but the first; 0 if there are few prefixes. */
        private static double savedChars(Map<String, Object> seen, int chars) {
            double groups = number(seen, "groups" + chars);
            double repeated = Math.max(0, 1 - groups / number(seen, "rows"));
            return groups <= FEW ? 0 : repeated * number(seen, "chars" + chars);
        }

        /** Returns the shares of the large groups. Spark has a sketch for this ({@code approx_top_k}) only since 4.1. */
        private Map<Long, Double> large(Dataset<Row> prompts, int chars, double rows) {
            Map<Long, Double> shares = new HashMap<>();
            prompts.groupBy(group(chars).as("group"))
                    .count()
                    .filter(col("count").gt(smallestLarge * rows))
                    .collectAsList()
                    .forEach(group -> shares.put(group.getLong(0), group.getLong(1) / rows));
            return shares;
        }

        private static double number(Map<String, Object> seen, String name) {
            return ((Number) seen.get(name)).doubleValue();
        }
    }
}
