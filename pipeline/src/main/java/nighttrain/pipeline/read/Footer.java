package nighttrain.pipeline.read;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.StructField;

/**
 * The parts of a Parquet file's footer that a job uses.
 *
 * @param file its URI
 * @param rows number of rows
 * @param columns columns in the order of the file
 * @param fault why the footer cannot be read; null where it can
 */
record Footer(String file, long rows, List<Column> columns, String fault) implements Serializable {
    /**
     * A column of a file.
     *
     * @param name name in the file
     * @param type Parquet's name of the type
     * @param field Spark's field for it; null where Spark has no such type
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
     * @param what the codec or encoding
     * @param remedy how the user can make the column readable
     */
    record Obstacle(String what, String remedy) implements Serializable {
        /** Returns the obstacle of a codec whose Hadoop class is not on the class path. */
        static Obstacle codec(String name, String className) {
            return new Obstacle(
                    "codec " + name,
                    "give a jar with " + className + " by --conf spark.jars or spark.jars.packages,"
                            + " or write the file with zstd or snappy");
        }

        /** Returns the obstacle of an encoding that Spark's vectorized reader lacks and its slower reader supports. */
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
