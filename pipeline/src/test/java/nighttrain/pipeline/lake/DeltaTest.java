package nighttrain.pipeline.lake;

import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Tests Delta where the build has it: {@code mvn verify -Pdelta}. */
@EnabledIf("isThere")
class DeltaTest extends LakeTest {
    private static final String EXTENSION = "io.delta.sql.DeltaSparkSessionExtension";

    @TempDir
    static Path warehouse;

    private static Map<String, String> conf;

    static boolean isThere() {
        return DeltaTest.class.getClassLoader().getResource(EXTENSION.replace('.', '/') + ".class") != null;
    }

    @BeforeAll
    static void start() {
        conf = Map.of(
                "spark.sql.extensions",
                EXTENSION,
                "spark.sql.catalog.spark_catalog",
                "org.apache.spark.sql.delta.catalog.DeltaCatalog",
                "spark.databricks.delta.snapshotPartitions", // instead of fifty, for logs of five files
                "1",
                "spark.sql.warehouse.dir",
                warehouse.toString());
        startSpark(conf);
    }

    @Override
    String format() {
        return "delta";
    }

    @Override
    Map<String, String> conf() {
        return conf;
    }

    @Override
    String newTable() {
        return "delta.`" + dir.resolve("table") + "`";
    }

    @Override
    String inputTable() {
        String table = "default.tickets_" + UUID.randomUUID().toString().replace('-', '_');
        spark.sql("CREATE TABLE " + table + " (key BIGINT, prompt STRING) USING delta");
        return table;
    }

    @Override
    Path pathOf(String inputTable) {
        return warehouse.resolve(inputTable.substring("default.".length()));
    }

    @Override
    String firstVersion(String inputTable) {
        return "1";
    }

    /** Does not count the first version, which is the empty table's. */
    @Override
    long commits(String table) {
        return spark.sql("DESCRIBE HISTORY " + table).filter("version > 0").count();
    }

    @Override
    void drop(String table) {
        FileUtil.fullyDelete(dir.resolve("table").toFile());
    }
}
