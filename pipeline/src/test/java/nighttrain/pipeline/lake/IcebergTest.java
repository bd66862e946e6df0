package nighttrain.pipeline.lake;

import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Tests Iceberg where the build has it: {@code mvn verify -Pspark-4.1,iceberg}, also for 3.5 and 4.0. */
@EnabledIf("isThere")
class IcebergTest extends LakeTest {
    private static final String EXTENSION = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions";

    @TempDir
    static Path warehouse;

    private static Map<String, String> conf;

    static boolean isThere() {
        return IcebergTest.class.getClassLoader().getResource(EXTENSION.replace('.', '/') + ".class") != null;
    }

    @BeforeAll
    static void start() {
        conf = Map.of(
                "spark.sql.extensions",
                EXTENSION,
                "spark.sql.catalog.lake",
                "org.apache.iceberg.spark.SparkCatalog",
                "spark.sql.catalog.lake.type",
                "hadoop",
                "spark.sql.catalog.lake.warehouse",
                warehouse.toString(),
                "spark.sql.catalog.lake.cache-enabled", // else writes of other processes are not seen
                "false");
        startSpark(conf);
    }

    @Override
    String format() {
        return "iceberg";
    }

    @Override
    Map<String, String> conf() {
        return conf;
    }

    @Override
    String newTable() {
        return "lake.nightly.labels_" + UUID.randomUUID().toString().replace('-', '_');
    }

    @Override
    String inputTable() {
        String table = "lake.daily.tickets_" + UUID.randomUUID().toString().replace('-', '_');
        spark.sql("CREATE TABLE " + table + " (key BIGINT, prompt STRING) USING iceberg");
        return table;
    }

    @Override
    Path pathOf(String inputTable) {
        return warehouse.resolve(inputTable.substring("lake.".length()).replace('.', '/'));
    }

    @Override
    String firstVersion(String inputTable) {
        return spark.sql("SELECT snapshot_id FROM " + inputTable + ".snapshots ORDER BY committed_at")
                .first()
                .get(0)
                .toString();
    }

    /** Does not count the first snapshot, which is the empty table's. */
    @Override
    long commits(String table) {
        return spark.sql("SELECT snapshot_id FROM " + table + ".snapshots").count() - 1;
    }

    @Override
    void drop(String table) {
        FileUtil.fullyDelete(pathOf(table).toFile());
    }
}
