package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks that passwords in paths are refused and that secrets are not written to the output. */
class SecretsTest extends JobTest {
    private static final String SECRET = "wJalrXUtnFEMI";

    @ParameterizedTest
    @CsvSource({
        "s3a://AKIA:wJal/rXUt@bucket/in, s3a://AKIA",
        "sftp://me:1234@host/in, sftp://me",
        "jdbc+x://me:1234:5@host, jdbc+x://me"
    })
    void passwordsInPathsAreRefused(String path, String shown) {
        assertThatThrownBy(() -> Settings.INPUT_PATH.parse(path))
                .isInstanceOf(UserError.class)
                .hasMessage("password in a path: " + shown + ":*** (paths are logged; give it as Hadoop's configuration"
                        + " instead, such as spark.hadoop.fs.s3a.secret.key in a file of spark-submit's"
                        + " --properties-file)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hdfs://host:8020/a@b",
                "hdfs://host:8020",
                "abfss://container@account.dfs.core.windows.net/in",
                "file:/a:b@c",
                "/a b/c:d@e",
                "s3a://bucket/x@y:z"
            })
    void otherPathsAreNot(String path) {
        assertThat(Settings.OUTPUT_PATH.parse(path)).isEqualTo(path);
    }

    @Test
    void nothingThatIsWrittenHasASecret() throws IOException {
        Files.writeString(dir.resolve("prompts.csv"), "prompt\nsay a\nsay b\n");
        spark.sparkContext().hadoopConfiguration().set("fs.s3a.secret.key", SECRET);
        spark.conf().set("spark.hadoop.my.password", SECRET);
        values = values.with(Settings.INPUT_PATH, dir.resolve("prompts.csv").toString())
                .with(Settings.FORMAT, "csv")
                .with(Settings.FORMAT_OPTION, List.of("header=true", "password=" + SECRET));
        try {
            run();
        } finally {
            spark.sparkContext().hadoopConfiguration().unset("fs.s3a.secret.key");
            spark.conf().unset("spark.hadoop.my.password");
        }
        assertThat(output().resolve("summary.json")).content().contains("password=***");
        try (Stream<Path> files = Files.walk(output())) {
            assertThat(files.filter(Files::isRegularFile))
                    .hasSizeGreaterThan(4)
                    .allSatisfy(file -> assertThat(Files.readString(file, StandardCharsets.ISO_8859_1))
                            .doesNotContain(SECRET));
        }
    }
}
