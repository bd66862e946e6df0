package nighttrain.jobs.compare;

import static org.apache.parquet.schema.LogicalTypeAnnotation.stringType;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BINARY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BOOLEAN;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.DOUBLE;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT64;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.CompareResult.CellResult;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.FinishedRound.Opened;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.JobFolder;
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

/** A comparison as Parquet: a row for every cell in {@code results}, a row for every round in {@code metrics}. */
final class CompareParquet {
    private CompareParquet() {}

    static void write(CompareResult result, JobFolder folder) {
        Path scratch = folder.scratch("compare", "table.parquet");
        ParquetTable.write(cells(result), scratch, folder.fs().getConf());
        folder.replace(scratch, new Path(folder.results(), "cells.parquet"));
        if (!result.rounds().isEmpty()) { // Parquet has no tables without columns
            ParquetTable.write(rounds(result), scratch, folder.fs().getConf());
            folder.replace(scratch, new Path(folder.metrics(), "rounds.parquet"));
        }
    }

    static List<Map<String, Object>> cells(CompareResult result) {
        List<String> figures = result.rounds().stream()
                .flatMap(round -> round.figures().keySet().stream())
                .distinct()
                .toList();
        List<Map<String, Object>> lines = new ArrayList<>();
        for (NamedWorkload workload : result.comparison().workloads()) {
            for (Visit visit : result.comparison().visits()) {
                CellResult cell = result.cell(new Cell(visit, workload.name()));
                Map<String, Object> line = Columns.of(cell.cell());
                line.putAll(Columns.of(workload));
                line.putAll(Columns.of(cell.engine()));
                line.put("rounds", (long) cell.rounds().size());
                line.put("of_baseline", result.ofBaseline(cell).orElse(null));
                line.put("of_bound", visit.bound() ? null : result.ofBound(cell).orElse(null));
                figures.forEach(figure -> putSpread(line, figure, cell.spread(figure)));
                line.put("error", cell.failure().map(Failure::why).orElse(null));
                lines.add(line);
            }
        }
        return lines;
    }

    private static void putSpread(Map<String, Object> line, String figure, Optional<Spread> spread) {
        line.put(figure, spread.map(Spread::median).orElse(null));
        line.put(figure + "_min", spread.map(Spread::min).orElse(null));
        line.put(figure + "_max", spread.map(Spread::max).orElse(null));
    }

    static List<Map<String, Object>> rounds(CompareResult result) {
        List<Map<String, Object>> lines = new ArrayList<>();
        for (FinishedRound round : result.rounds()) {
            Map<String, Object> line = new LinkedHashMap<>(Columns.of(round.cell()));
            line.putAll(Columns.of(Optional.of(round.engine())));
            line.put("round", (long) round.round());
            line.put("at_ms", round.at());
            line.put("open_s", round.engine().openS());
            line.put("requests", (long) round.measured().requests());
            line.put("prompt_tokens", round.measured().promptTokens());
            line.put("cached_prompt_tokens", round.measured().cachedPromptTokens());
            line.put("output_tokens", round.measured().outputTokens());
            line.put("steps", round.measured().steps());
            line.put("preemptions", round.measured().preemptions());
            line.putAll(round.figures());
            lines.add(line);
        }
        return lines;
    }

    /** Writes a few hundred rows of texts, integers, doubles and booleans as one Parquet file, without starting Spark. */
    private static final class ParquetTable {
        private ParquetTable() {}

        /** Writes rows of the same columns; a column without any value becomes a column of doubles. */
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

    /** The columns that identify a row in a comparison's tables. */
    private static final class Columns {
        private Columns() {}

        static Map<String, Object> of(Cell cell) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("model", cell.candidate());
            line.put("layout", cell.layout().toString());
            line.put("replicas", (long) cell.layout().replicas());
            line.put("ranks", (long) cell.layout().ranks());
            line.put("devices", (long) cell.layout().devices());
            line.put("workload", cell.workload());
            line.put("without_sums", cell.visit().bound());
            return line;
        }

        static Map<String, Object> of(NamedWorkload workload) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("prompts", (long) workload.workload().numPrompts());
            line.put("longest_prompt", workload.workload().longest());
            line.put("output_len", (long) workload.workload().outputLen());
            line.put("max_concurrency", (long) workload.workload().maxConcurrency());
            return line;
        }

        /** Returns the columns of an engine; nulls where there is no engine. */
        static Map<String, Object> of(java.util.Optional<Opened> engine) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put(
                    "architecture",
                    engine.map(opened -> opened.plan().architecture()).orElse(null));
            line.put(
                    "backend",
                    engine.map(opened -> opened.plan().backend().name().toLowerCase(java.util.Locale.ROOT))
                            .orElse(null));
            line.put(
                    "parameters",
                    engine.map(opened -> opened.footprint().parameters()).orElse(null));
            line.put(
                    "blocking_syncs",
                    engine.map(opened -> (long) opened.footprint().blockingSyncs())
                            .orElse(null));
            line.put(
                    "overlapped_syncs",
                    engine.map(opened -> (long) opened.footprint().overlappedSyncs())
                            .orElse(null));
            line.put("model_fingerprint", engine.map(Opened::modelFingerprint).orElse(null));
            return line;
        }
    }
}
