package nighttrain.pipeline.read;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.StructField;

/**
 * What the end of a Parquet file tells.
 *
 * @param file its URI
 * @param rows how many
 * @param columns in their order
 * @param fault why it cannot be read; null where it can
 */
record Footer(String file, long rows, List<Column> columns, String fault) implements Serializable {
    /**
     * A column of a file.
     *
     * @param name in the file
     * @param type as Parquet calls it
     * @param field as Spark has it; null where Spark has no such type
     * @param obstacle what keeps Spark from reading its values; null where nothing does
     */
    record Column(String name, String type, StructField field, Obstacle obstacle) implements Serializable {
        Optional<Obstacle> hindrance() {
            return Optional.ofNullable(obstacle);
        }
    }

    /**
     * A codec or an encoding that Spark's reader lacks.
     *
     * @param what it is
     * @param remedy how it can be read
     */
    record Obstacle(String what, String remedy) implements Serializable {
        /** Of a codec whose Hadoop class is not on the class path. */
        static Obstacle codec(String name, String className) {
            return new Obstacle(
                    "codec " + name,
                    "give a jar with " + className + " by --conf spark.jars or spark.jars.packages,"
                            + " or write the file with zstd or snappy");
        }

        /** Of an encoding that Spark's quicker reader lacks and its slower one has. */
        static Obstacle encoding(String name) {
            return new Obstacle(
                    "encoding " + name,
                    "use --conf spark.sql.parquet.enableVectorizedReader=false, which is slower,"
                            + " or write the file without it");
        }
    }

    static Footer unreadable(String file, String fault) {
        return new Footer(file, 0, List.of(), fault);
    }
}
