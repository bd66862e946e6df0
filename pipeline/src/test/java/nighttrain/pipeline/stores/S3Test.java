package nighttrain.pipeline.stores;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests an S3-compatible store: its objects cannot be appended to, so a kill loses the rows of the open file. */
class S3Test extends StoreTest {
    private static S3 s3;

    private final String folder = "s3a://" + S3.BUCKET + "/" + UUID.randomUUID();

    @BeforeAll
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    static void start(@TempDir Path dir) throws IOException {
        s3 = new S3(dir);
    }

    @AfterAll
    static void stop() {
        s3.close();
    }

    @Override
    String folder() {
        return folder;
    }

    @Override
    Map<String, String> conf() {
        return s3.conf();
    }

    @Override
    double atRiskS() {
        return 10 + 2;
    }
}
