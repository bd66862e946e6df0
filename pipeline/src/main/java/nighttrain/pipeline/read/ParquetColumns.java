package nighttrain.pipeline.read;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.pipeline.read.Footer.Obstacle;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Merges the columns of many Parquet files into those of one table: it has the columns of all files, null where a file lacks them. A column
 * that cannot be read is no error until a job uses it.
 */
final class ParquetColumns {
    private final boolean caseSensitive;
    private final Map<String, Merged> columns = new LinkedHashMap<>();

    /** A column of the table while files are added to it. */
    private static final class Merged {
        private DataType type;
        private StructField first;
        private String firstFile;
        private Flaw flaw;
        private String lackingFile;
    }

    private ParquetColumns(boolean caseSensitive) {
        this.caseSensitive = caseSensitive;
    }

    /** Returns the merged schema. {@code kinds}: each distinct list of columns, with the first file that has it. */
    static StructType of(Map<List<Footer.Column>, String> kinds, boolean caseSensitive) {
        ParquetColumns table = new ParquetColumns(caseSensitive);
        kinds.keySet().stream()
                .flatMap(Collection::stream)
                .forEach(column -> table.columns.computeIfAbsent(column.name(), name -> new Merged()));
        kinds.forEach(
                (columns, file) -> table.columns.forEach((name, merged) -> table.add(name, merged, file, columns)));
        return table.schema();
    }

    private void add(String name, Merged merged, String file, List<Footer.Column> columns) {
        List<Footer.Column> called = columns.stream()
                .filter(column -> caseSensitive
                        ? column.name().equals(name)
                        : column.name().equalsIgnoreCase(name))
                .toList();
        if (called.isEmpty()) {
            merged.lackingFile = merged.lackingFile == null ? file : merged.lackingFile;
        } else if (merged.flaw == null) {
            merged.flaw = called.size() > 1 ? ambiguous(file, called) : flaw(merged, file, called.get(0));
        }
    }

    private static Flaw ambiguous(String file, List<Footer.Column> called) {
        return new Flaw(
                "column name is ambiguous",
                String.join(", ", called.stream().map(Footer.Column::name).toList()) + " in " + file,
                "Spark's names do not depend on case; use --conf spark.sql.caseSensitive=true to tell them apart");
    }

    private static Flaw flaw(Merged merged, String file, Footer.Column column) {
        if (column.field() == null) {
            return new Flaw(
                    "cannot read column",
                    column.name() + " is " + column.type() + " in " + file,
                    "Spark has no such type; leave the column out, or write it as text, a number or a timestamp in microseconds");
        }
        if (column.hindrance().isPresent()) {
            Obstacle obstacle = column.hindrance().get();
            return new Flaw(
                    "cannot read column",
                    column.name() + " has " + obstacle.what() + " in " + file,
                    "Spark's Parquet reader lacks it; " + obstacle.remedy());
        }
        DataType type = column.field().dataType();
        if (merged.type == null) {
            merged.first = column.field();
            merged.firstFile = file;
            merged.type = type;
            return null;
        }
        Optional<DataType> both = merge(merged.type, type);
        if (both.isEmpty()) {
            return new Flaw(
                    "column has another type in another file",
                    column.name() + " is " + merged.type.simpleString() + " in " + merged.firstFile + ", "
                            + type.simpleString() + " in " + file,
                    "one type in all files is needed; write them with the same type, or leave the column out");
        }
        merged.type = both.get();
        return null;
    }

    private StructType schema() {
        List<StructField> fields = new ArrayList<>();
        columns.forEach((name, merged) -> {
            DataType type = merged.flaw == null ? merged.type : DataTypes.NullType;
            StructField field = new StructField(
                    name,
                    type,
                    true,
                    merged.first == null ? org.apache.spark.sql.types.Metadata.empty() : merged.first.metadata());
            if (merged.lackingFile != null) {
                field = Flaw.lacking(field, merged.lackingFile);
            }
            fields.add(merged.flaw == null ? field : merged.flaw.of(field));
        });
        return new StructType(fields.toArray(StructField[]::new));
    }

    /**
     * Returns the type that holds values of both: structs are merged field by field, within arrays and maps too; other types must be equal.
     */
    private static Optional<DataType> merge(DataType one, DataType other) {
        if (one instanceof StructType left && other instanceof StructType right) {
            return mergeFields(left, right);
        }
        if (one instanceof ArrayType left && other instanceof ArrayType right) {
            return merge(left.elementType(), right.elementType()).map(type -> DataTypes.createArrayType(type, true));
        }
        if (one instanceof MapType left && other instanceof MapType right) {
            return merge(left.keyType(), right.keyType())
                    .flatMap(key -> merge(left.valueType(), right.valueType())
                            .map(value -> DataTypes.createMapType(key, value, true)));
        }
        return one.equals(other) ? Optional.of(one) : Optional.empty();
    }

    private static Optional<DataType> mergeFields(StructType left, StructType right) {
        Map<String, StructField> fields = new LinkedHashMap<>();
        List.of(left.fields()).forEach(field -> fields.put(field.name(), field));
        for (StructField field : right.fields()) {
            StructField known = fields.get(field.name());
            Optional<DataType> type =
                    known == null ? Optional.of(field.dataType()) : merge(known.dataType(), field.dataType());
            if (type.isEmpty()) {
                return Optional.empty();
            }
            fields.put(field.name(), new StructField(field.name(), type.get(), true, field.metadata()));
        }
        return Optional.of(new StructType(fields.values().toArray(StructField[]::new)));
    }
}
