package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests how embedded Spark is configured for a job's queries. */
class SessionsTest {
    private static final String COMPILES = "spark.sql.codegen.wholeStage";

    @TempDir
    private Path dir;

    @Test
    void aLittleInputIsReadWithoutCompilers() throws IOException {
        Files.write(dir.resolve("a.parquet"), new byte[1000]);
        Files.write(dir.resolve("b.parquet"), new byte[2000]);
        SparkConf conf = conf(dir.toString(), local());
        assertThat(conf.get(COMPILES)).isEqualTo("false");
        assertThat(conf.get("spark.sql.adaptive.enabled")).isEqualTo("false");
        assertThat(conf(dir.resolve("a.parquet").toString(), local().set(COMPILES, "true"))
                        .get(COMPILES))
                .as("the user's choice")
                .isEqualTo("true");
    }

    @Test
    void othersAreCompiledAndReplanned() throws IOException {
        Files.write(dir.resolve("a.parquet"), new byte[600_000]);
        assertThat(conf(dir.toString(), local()).contains(COMPILES)).isTrue();
        Files.write(dir.resolve("b.parquet"), new byte[600_000]);
        assertThat(conf(dir.toString(), local()).contains(COMPILES))
                .as("1.2 MB")
                .isFalse();
        Path many = Files.createDirectory(dir.resolve("many"));
        for (int file = 0; file < 101; file++) {
            Files.createFile(many.resolve(file + ".parquet"));
        }
        assertThat(conf(many.toString(), local()).contains(COMPILES)).isFalse();
        assertThat(conf("hdfs://name/prompts", local()).contains(COMPILES)).isFalse();
        assertThat(conf(dir.resolve("a.parquet").toString(), new SparkConf(false).setMaster("spark://master:7077"))
                        .contains(COMPILES))
                .as("a cluster")
                .isFalse();
    }

    private static SparkConf local() {
        return new SparkConf(false).setMaster("local[*]");
    }

    private static SparkConf conf(String input, SparkConf conf) {
        Sessions.interpretLittle(conf, SettingValues.none().with(Settings.INPUT_PATH, input));
        return conf;
    }
}
