package nighttrain.jobs.compare;

import static org.apache.parquet.schema.LogicalTypeAnnotation.stringType;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BINARY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BOOLEAN;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.DOUBLE;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT64;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import nighttrain.pipeline.job.Files;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Types;

/** A few hundred lines of text, whole numbers, numbers and truths as one Parquet file, without starting Spark for them. */
final class ParquetTable {
    private ParquetTable() {}

    /** Writes lines of the same columns; a column without any value is one of numbers. */
    static void write(List<Map<String, Object>> lines, Path file, Configuration conf) {
        MessageType schema = schema(lines);
        Files.unchecked(() -> {
            try (ParquetWriter<Group> writer = ExampleParquetWriter.builder(HadoopOutputFile.fromPath(file, conf))
                    .withType(schema)
                    .withWriteMode(ParquetFileWriter.Mode.OVERWRITE)
                    .build()) {
                for (Map<String, Object> line : lines) {
                    writer.write(group(schema, line));
                }
            }
            return null;
        });
    }

    private static MessageType schema(List<Map<String, Object>> lines) {
        Set<String> columns = new LinkedHashSet<>();
        lines.forEach(line -> columns.addAll(line.keySet()));
        Types.MessageTypeBuilder schema = Types.buildMessage();
        for (String column : columns) {
            Object any = lines.stream()
                    .map(line -> line.get(column))
                    .filter(Objects::nonNull)
                    .findFirst()
                    .orElse(0.0);
            PrimitiveTypeName type = any instanceof String
                    ? BINARY
                    : any instanceof Long ? INT64 : any instanceof Boolean ? BOOLEAN : DOUBLE;
            schema.addField(
                    type == BINARY
                            ? Types.optional(type).as(stringType()).named(column)
                            : Types.optional(type).named(column));
        }
        return schema.named("comparison");
    }

    private static Group group(MessageType schema, Map<String, Object> line) {
        Group group = new SimpleGroup(schema);
        line.forEach((column, value) -> {
            if (value instanceof String text) {
                group.add(column, text);
            } else if (value instanceof Long whole) {
                group.add(column, whole);
            } else if (value instanceof Boolean truth) {
                group.add(column, truth);
            } else if (value instanceof Double number) {
                group.add(column, number);
            }
        });
        return group;
    }
}
