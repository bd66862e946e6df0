package nighttrain.pipeline.read;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.Causes;
import nighttrain.pipeline.read.Footer.Obstacle;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.FileMetaData;
import org.apache.parquet.hadoop.metadata.ParquetMetadata;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import scala.collection.JavaConverters;

/**
 * Reads the footers of Parquet files on the cluster: there may be tens of thousands, and each takes a few round trips to the store.
 *
 * @param hadoop Hadoop configuration to reach the store
 * @param sql settings of the session that decide how Parquet types become Spark's
 */
record ReadFooters(Broadcast<SerializableConfiguration> hadoop, Map<String, String> sql)
        implements FlatMapFunction<Iterator<String>, byte[]> {
    private static final long serialVersionUID = 1L;
    private static final int TASKS_PER_SLOT = 4;
    private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";
    private static final String VECTORIZED = "spark.sql.parquet.enableVectorizedReader";
    private static final String TIME_TYPE = "spark.sql.timeType.enabled";

    /** Returns one footer per file, in the order of {@code uris}. */
    static List<Footer> of(SparkSession spark, List<String> uris) {
        Map<String, String> sql = new HashMap<>(Map.of(VECTORIZED, spark.conf().get(VECTORIZED, "true")));
        JavaConverters.mapAsJavaMap(spark.conf().getAll()).forEach((key, value) -> {
            if (key.startsWith("spark.sql.")) {
                sql.put(key, value);
            }
        });
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        ReadFooters task = new ReadFooters(
                context.broadcast(
                        new SerializableConfiguration(spark.sessionState().newHadoopConf())),
                sql);
        int tasks = Math.min(uris.size(), TASKS_PER_SLOT * context.defaultParallelism());
        List<Footer> footers = new ArrayList<>();
        spark.sparkContext().setJobDescription("Night Train: look at " + uris.size() + " Parquet files");
        try {
            context.parallelize(uris, tasks).mapPartitions(task).collect().forEach(part -> footers.addAll(read(part)));
        } finally {
            spark.sparkContext().setJobDescription(null);
        }
        return footers;
    }

    @Override
    public Iterator<byte[]> call(Iterator<String> uris) {
        Configuration conf = hadoop.value().value();
        ParquetToSparkSchemaConverter types = new ParquetToSparkSchemaConverter(sqlConf());
        // Most files of a table have the same columns: equal lists are shared, so that the driver receives and stores
        // them once.
        Map<List<Footer.Column>, List<Footer.Column>> known = new HashMap<>();
        List<Footer> footers = new ArrayList<>();
        uris.forEachRemaining(uri -> {
            Footer footer = footer(uri, conf, types);
            List<Footer.Column> columns = known.computeIfAbsent(footer.columns(), same -> same);
            footers.add(new Footer(uri, footer.rows(), columns, footer.fault()));
        });
        return List.of(written(footers)).iterator();
    }

    private SQLConf sqlConf() {
        SQLConf conf = new SQLConf();
        sql.forEach((key, value) -> {
            if (key.contains("arquet") || key.equals("spark.sql.caseSensitive")) {
                conf.setConfString(key, value);
            }
        });
        return conf;
    }

    private Footer footer(String uri, Configuration conf, ParquetToSparkSchemaConverter types) {
        Path path = new Path(URI.create(uri));
        try (ParquetFileReader reader = ParquetFileReader.open(
                HadoopInputFile.fromPath(path, conf),
                HadoopReadOptions.builder(conf, path).build())) {
            ParquetMetadata footer = reader.getFooter();
            long rows = footer.getBlocks().stream()
                    .mapToLong(BlockMetaData::getRowCount)
                    .sum();
            return new Footer(uri, rows, columns(footer, conf, types), null);
        } catch (IOException | RuntimeException | LinkageError unreadable) {
            return Footer.unreadable(uri, Causes.message(unreadable));
        }
    }

    private List<Footer.Column> columns(
            ParquetMetadata footer, Configuration conf, ParquetToSparkSchemaConverter types) {
        FileMetaData file = footer.getFileMetaData();
        Optional<StructType> own = sparkSchema(file.getKeyValueMetaData().get(SPARK_SCHEMA));
        Map<String, Obstacle> obstacles = obstacles(footer, conf);
        List<Footer.Column> columns = new ArrayList<>();
        for (Type type : file.getSchema().getFields()) {
            columns.add(new Footer.Column(
                    type.getName(), typeName(type, types), field(type, own, types), obstacles.get(type.getName())));
        }
        return columns;
    }

    /** Returns the field as Spark wrote it, if Spark wrote the file; null where Spark has no such type. */
    private StructField field(Type type, Optional<StructType> own, ParquetToSparkSchemaConverter types) {
        try {
            StructField converted =
                    types.convert(new MessageType("column", type)).fields()[0];
            StructField field = own.filter(schema -> Columns.has(schema, type.getName()))
                    .map(schema -> schema.apply(type.getName()))
                    .orElse(converted);
            boolean time = field.dataType().json().contains("\"time(");
            return time && !Boolean.parseBoolean(sql.get(TIME_TYPE)) ? null : field;
        } catch (Exception noSuchType) { // Spark throws AnalysisException, which is checked, past the signature
            return null;
        }
    }

    private static Optional<StructType> sparkSchema(String json) {
        try {
            return Optional.ofNullable(json).map(DataType::fromJson).map(StructType.class::cast);
        } catch (RuntimeException notSparks) {
            return Optional.empty();
        }
    }

    /** Returns the Parquet name of a type; for a group that Spark cannot read, that of the unreadable field's type. */
    private String typeName(Type type, ParquetToSparkSchemaConverter types) {
        if (type.isPrimitive()) {
            return type.asPrimitiveType().getPrimitiveTypeName()
                    + (type.getLogicalTypeAnnotation() == null ? "" : " " + type.getLogicalTypeAnnotation());
        }
        return type.asGroupType().getFields().stream()
                .filter(field -> isUnreadable(field, types))
                .findFirst()
                .map(field -> field.isPrimitive() ? "group with " + typeName(field, types) : typeName(field, types))
                .orElse("group");
    }

    private boolean isUnreadable(Type type, ParquetToSparkSchemaConverter types) {
        return type.isPrimitive()
                ? field(type, Optional.empty(), types) == null
                : type.asGroupType().getFields().stream().anyMatch(field -> isUnreadable(field, types));
    }

    private Map<String, Obstacle> obstacles(ParquetMetadata footer, Configuration conf) {
        boolean vectorized = Boolean.parseBoolean(sql.get(VECTORIZED));
        Map<String, Obstacle> found = new HashMap<>();
        for (BlockMetaData block : footer.getBlocks()) {
            for (ColumnChunkMetaData chunk : block.getColumns()) {
                String column = chunk.getPath().toArray()[0];
                String codec = chunk.getCodec().getHadoopCompressionCodecClassName();
                if (codec != null && conf.getClassByNameOrNull(codec) == null) {
                    found.put(column, Obstacle.codec(chunk.getCodec().name(), codec));
                } else if (vectorized && chunk.getEncodings().contains(Encoding.BYTE_STREAM_SPLIT)) {
                    found.put(column, Obstacle.encoding(Encoding.BYTE_STREAM_SPLIT.name()));
                }
            }
        }
        return found;
    }

    // This uses Java serialization: the serializer that the user's Spark is set to may not support records.
    private static byte[] written(List<Footer> footers) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(footers);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    @SuppressWarnings("unchecked") // what written() wrote
    private static List<Footer> read(byte[] bytes) {
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
            return (List<Footer>) in.readObject();
        } catch (IOException | ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }
}
