package nighttrain.jobs.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import nighttrain.io.UserError;
import org.apache.spark.SparkConf;
import org.apache.spark.util.Utils;

/**
 * Checks the folders on this machine for Spark's temporary files. Where Spark can create none of them, it ends the process with exit code 53 and
 * without a message.
 */
public final class LocalFolders {
    private LocalFolders() {}

    /**
     * Tries to write to them. One usable folder of {@code SPARK_LOCAL_DIRS} or {@code spark.local.dir} is enough, as it is for Spark.
     *
     * @throws UserError where Spark could not start
     */
    public static void check(SparkConf conf) {
        List<String> faults = new ArrayList<>();
        String[] folders = Utils.getConfiguredLocalDirs(conf);
        for (String folder : folders) {
            String fault = fault(folder);
            if (fault.isEmpty()) {
                faults.clear();
                break;
            }
            faults.add(fault);
        }
        if (!faults.isEmpty()) {
            throw UserError.of(
                    "no folder for Spark's temporary files",
                    String.join(",", folders),
                    String.join(", ", faults) + "; set SPARK_LOCAL_DIRS or spark.local.dir to one that can be written");
        }
        String ofJava = System.getProperty("java.io.tmpdir");
        String fault = fault(ofJava);
        if (!fault.isEmpty()) {
            throw UserError.of(
                    "no folder for temporary files",
                    ofJava,
                    fault + "; set -Djava.io.tmpdir to one that can be written");
        }
    }

    /** Returns why nothing can be created in the folder; empty where it is writable. */
    private static String fault(String folder) {
        try {
            Path path = Files.createDirectories(Path.of(folder));
            Files.delete(Files.createTempDirectory(path, "nighttrain"));
            return "";
        } catch (FileAlreadyExistsException e) {
            return "it is a file";
        } catch (AccessDeniedException e) {
            return "permission denied";
        } catch (FileSystemException e) {
            return e.getReason() == null ? "cannot be made" : e.getReason().toLowerCase(Locale.ROOT);
        } catch (IOException | InvalidPathException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
