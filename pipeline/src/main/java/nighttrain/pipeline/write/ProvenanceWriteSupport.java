package nighttrain.pipeline.write;

import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.api.WriteSupport.FinalizedWriteContext;
import org.apache.spark.sql.execution.datasources.parquet.ParquetWriteSupport;

/** Adds what {@link ProvenanceParquet} put into the configuration to a file's footer. */
public final class ProvenanceWriteSupport extends ParquetWriteSupport {
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
