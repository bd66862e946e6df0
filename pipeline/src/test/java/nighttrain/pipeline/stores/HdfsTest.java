package nighttrain.pipeline.stores;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests HDFS: flushed rows survive a kill and are readable at once, under the dead writer's lease. */
class HdfsTest extends StoreTest {
    private static Hdfs hdfs;

    private final String folder = hdfs.uri() + "/" + UUID.randomUUID();

    @BeforeAll
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    static void start(@TempDir Path dir) throws IOException {
        hdfs = new Hdfs(dir);
    }

    @AfterAll
    static void stop() {
        hdfs.close();
    }

    @Override
    String folder() {
        return folder;
    }

    @Override
    Map<String, String> conf() {
        return Map.of("dfs.replication", "2", "fs.permissions.umask-mode", "027");
    }

    @Override
    double atRiskS() {
        return 2;
    }

    @Test
    void aDataNodeThatDiesInMidRun() {
        script().answerMs.set(2);
        script().onAnswer(ROWS / 2, hdfs::killADataNode);
        assertThat(run().rows()).isEqualTo(ROWS);
        assertEveryRowOnce();
    }

    @Test
    void theJobsPermissionsHoldForEveryFile() throws IOException {
        run();
        org.apache.hadoop.fs.Path output = new org.apache.hadoop.fs.Path(folder + "/output");
        FileSystem fs = output.getFileSystem(spark.sessionState().newHadoopConf());
        List<String> permissions = new ArrayList<>();
        permissions(fs, output, permissions);
        assertThat(permissions).hasSizeGreaterThan(6).containsOnly("drwxr-x---", "-rw-r-----");
    }

    private static void permissions(FileSystem fs, org.apache.hadoop.fs.Path folder, List<String> found)
            throws IOException {
        for (FileStatus child : fs.listStatus(folder)) {
            found.add((child.isDirectory() ? "d" : "-") + child.getPermission());
            if (child.isDirectory()) {
                permissions(fs, child.getPath(), found);
            }
        }
    }
}
