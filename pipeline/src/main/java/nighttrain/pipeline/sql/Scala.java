package nighttrain.pipeline.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import scala.Tuple2;
import scala.collection.JavaConverters;

/**
 * Converts collections between Java and Scala. Spark's {@code Seq} is one type in Scala 2.12 and another in 2.13; a {@code List} is a
 * subtype of both. So Spark gets a {@code List}, and methods of Spark that return a {@code Seq} are overridden by methods that return a
 * {@code List}.
 */
final class Scala {
    private Scala() {}

    static <T> scala.collection.immutable.List<T> list(List<? extends T> items) {
        return JavaConverters.<T>asScalaBuffer(new ArrayList<>(items)).toList();
    }

    /** Returns the items followed by {@code more}. */
    static <T> scala.collection.immutable.List<T> list(scala.collection.Seq<? extends T> items, T more) {
        List<T> all = new ArrayList<>(java(items));
        all.add(more);
        return list(all);
    }

    static <K, V> scala.collection.immutable.Map<K, V> map(Map<K, V> entries) {
        scala.collection.immutable.Map<K, V> map = scala.collection.immutable.Map$.MODULE$.empty();
        for (Map.Entry<K, V> entry : entries.entrySet()) {
            map = map.$plus(new Tuple2<>(entry.getKey(), entry.getValue()));
        }
        return map;
    }

    static <T> List<T> java(scala.collection.Seq<? extends T> items) {
        return new ArrayList<>(JavaConverters.seqAsJavaList(items));
    }
}
