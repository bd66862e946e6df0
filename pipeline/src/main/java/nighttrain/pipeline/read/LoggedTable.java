package nighttrain.pipeline.read;

import java.io.IOException;
import java.util.List;
import java.util.regex.Pattern;
import nighttrain.io.UserError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Tables whose own log says which of the files in their folder are rows now. Read as plain files they give deleted rows, too, and
 * old versions of changed ones.
 */
enum LoggedTable {
    DELTA(
            "Delta",
            "_delta_log",
            "(.*/)?_delta_log/.*",
            "--format delta with --conf spark.jars.packages=io.delta:... --conf"
                    + " spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf"
                    + " spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"),
    HUDI("Hudi", ".hoodie", "(.*/)?\\.hoodie/.*", "--format hudi with --conf spark.jars.packages=org.apache.hudi:..."),
    ICEBERG(
            "Iceberg",
            "metadata",
            "(.*/)?metadata/[^/]*\\.metadata\\.json",
            "--format iceberg with --conf spark.jars.packages=org.apache.iceberg:...");

    private final String title;
    private final String log;
    private final Pattern logFile;
    private final String reading;

    LoggedTable(String title, String log, String logFile, String reading) {
        this.title = title;
        this.log = log;
        this.logFile = Pattern.compile(logFile);
        this.reading = reading;
    }

    /** Refuses a file of a log, by its name relative to the input. */
    static void refuse(String name, String input) {
        for (LoggedTable kind : values()) {
            if (kind.logFile.matcher(name).matches()) {
                throw kind.refusal(input);
            }
        }
    }

    /** Refuses a folder that has a log beside its files, or is a partition folder of a table that has one. */
    static void refuseAround(Path folder, FileSystem fs, String input) throws IOException {
        for (Path above = folder; above != null; above = above.getParent()) {
            for (LoggedTable kind : List.of(DELTA, HUDI)) {
                if (fs.exists(new Path(above, kind.log))) {
                    throw kind.refusal(input);
                }
            }
            Path table = above.getParent();
            if (above.getName().equals("data") && table != null && hasSnapshots(new Path(table, ICEBERG.log), fs)) {
                throw ICEBERG.refusal(input);
            }
            if (!above.getName().contains("=")) {
                return;
            }
        }
    }

    private static boolean hasSnapshots(Path metadata, FileSystem fs) throws IOException {
        return fs.exists(metadata)
                && fs.listStatus(metadata, file -> file.getName().endsWith(".metadata.json")).length > 0;
    }

    private UserError refusal(String input) {
        return UserError.of(
                "input is " + (this == ICEBERG ? "an " : "a ") + title + " table",
                input,
                "its " + log + " says which files are rows now, and all of them together have deleted rows, too; use "
                        + reading + ", or export it as plain Parquet");
    }
}
