package nighttrain.jobs.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;

/**
 * Hadoop gives files the permissions that its own {@code fs.permissions.umask-mode} leaves, on local disks too, whatever umask the
 * process has. Here a local output obeys the umask, unless somebody has set Hadoop's.
 */
public final class LocalUmask {
    private static final String HADOOPS = "fs.permissions.umask-mode";
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String UMASK = "Umask:";

    private LocalUmask() {}

    /** @param output of the job */
    public static void obey(SparkConf conf, String output) {
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
        String scheme = new org.apache.hadoop.fs.Path(output).toUri().getScheme();
        String where = scheme == null ? FileSystem.getDefaultUri(hadoop).getScheme() : scheme;
        if (where.equals("file") && isDefault(hadoop)) {
            ofThisProcess().ifPresent(umask -> conf.set("spark.hadoop." + HADOOPS, umask));
        }
    }

    private static boolean isDefault(Configuration hadoop) {
        String[] sources = hadoop.getPropertySources(HADOOPS);
        return sources == null || Arrays.stream(sources).allMatch(source -> source.endsWith("-default.xml"));
    }

    /** As Linux tells it, in octal digits; empty elsewhere. */
    private static Optional<String> ofThisProcess() {
        try {
            return Files.readAllLines(STATUS).stream()
                    .filter(line -> line.startsWith(UMASK))
                    .map(line -> line.substring(UMASK.length()).strip())
                    .findFirst();
        } catch (IOException elsewhere) {
            return Optional.empty();
        }
    }
}
