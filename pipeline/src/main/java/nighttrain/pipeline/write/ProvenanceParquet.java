package nighttrain.pipeline.write;

import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.mapreduce.Job;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.parquet.hadoop.api.WriteSupport.FinalizedWriteContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.OutputWriterFactory;
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat;
import org.apache.spark.sql.execution.datasources.parquet.ParquetWriteSupport;
import org.apache.spark.sql.types.StructType;
import scala.collection.JavaConverters;

/**
 * Spark's Parquet format with additional key/value pairs in every file's footer, where any Parquet reader finds them. Write options {@code
 * nighttrain.provenance.x} become footer keys {@code nighttrain.x}. Timestamps are 64-bit microseconds: Spark's own default, 96 bits, is
 * deprecated, and other readers take it for nanoseconds, which end in the year 2262.
 */
public final class ProvenanceParquet extends ParquetFileFormat {
    private static final String TIMESTAMP_TYPE = "spark.sql.parquet.outputTimestampType";
    static final String OPTION_PREFIX = "nighttrain.provenance.";
    private static final long serialVersionUID = 1L;

    @Override
    public OutputWriterFactory prepareWrite(
            SparkSession spark, Job job, scala.collection.immutable.Map<String, String> options, StructType schema) {
        OutputWriterFactory factory = super.prepareWrite(spark, job, options, schema);
        Configuration conf = job.getConfiguration();
        conf.set(TIMESTAMP_TYPE, "TIMESTAMP_MICROS");
        JavaConverters.mapAsJavaMap(options).forEach((key, value) -> {
            if (key.startsWith(OPTION_PREFIX)) {
                conf.set(key, value);
            }
        });
        ParquetOutputFormat.setWriteSupportClass(job, ProvenanceWriteSupport.class);
        return factory;
    }

    /** Adds the pairs that {@link ProvenanceParquet} puts into the configuration to a file's footer. */
    public static final class ProvenanceWriteSupport extends ParquetWriteSupport {
        private final Map<String, String> footer = new HashMap<>();

        @Override
        public WriteContext init(Configuration conf) {
            conf.getPropsWithPrefix(ProvenanceParquet.OPTION_PREFIX)
                    .forEach((key, value) -> footer.put("nighttrain." + key, value));
            return super.init(conf);
        }

        @Override
        public FinalizedWriteContext finalizeWrite() {
            return new FinalizedWriteContext(footer);
        }
    }
}
