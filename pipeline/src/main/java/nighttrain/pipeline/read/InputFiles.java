package nighttrain.pipeline.read;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.UserPath;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * The files of an input.
 *
 * @param root directory that the files' names are relative to
 * @param pattern path pattern by which Spark finds the same files: pattern characters that belong to a name are escaped
 * @param partitions names of the partition columns, from folders {@code key=value}
 * @param files files in the order of their names
 * @param options options of Spark's reader, which may read other rows from the same files
 */
record InputFiles(
        Path root, String pattern, List<String> partitions, List<InputFile> files, SortedMap<String, String> options) {
    /** Option by which Spark leaves out files that it cannot read. */
    static final String SKIP_CORRUPT = "ignoreCorruptFiles";

    /**
     * A file.
     *
     * @param name relative to the root
     * @param uri location of the file
     * @param bytes length of the file
     * @param changedMs time of the last change, in milliseconds since 1970
     */
    record InputFile(String name, String uri, long bytes, long changedMs) {}

    InputFiles {
        files = files.stream().sorted(Comparator.comparing(InputFile::name)).toList();
    }

    /**
     * Lists a file, all files below a directory, or all files that match a pattern; hidden files are left out, as in Spark.
     *
     * @throws UserError if there is no file; if the files belong to a table with a log of its own; if only some of them lie in partition
     *     folders
     */
    static InputFiles list(String input, Configuration hadoop) {
        try {
            Path path = UserPath.of(input, hadoop);
            FileSystem fs = path.getFileSystem(hadoop);
            InputPattern place = InputPattern.of(fs, path);
            FileStatus[] matches = fs.globStatus(new Path(place.pattern()));
            if (matches == null || matches.length == 0) {
                throw UserError.of("input not found", input, "no such file or directory; check --input");
            }
            Path root =
                    place.isName() && !matches[0].isDirectory() ? place.name().getParent() : place.name();
            return listed(input, fs, place.pattern(), root, matches);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputFiles listed(String input, FileSystem fs, String pattern, Path root, FileStatus[] matches)
            throws IOException {
        List<InputFile> files = new ArrayList<>();
        SortedMap<String, List<String>> keys = new TreeMap<>();
        Set<Path> folders = new HashSet<>();
        int hidden = 0;
        for (FileStatus match : matches) {
            Path folder =
                    match.isDirectory() ? match.getPath() : match.getPath().getParent();
            if (folders.add(folder)) {
                LoggedTable.refuseAround(folder, fs, input);
            }
            RemoteIterator<LocatedFileStatus> below = fs.listFiles(match.getPath(), true);
            while (below.hasNext()) {
                LocatedFileStatus file = below.next();
                String name = relative(root, file.getPath());
                LoggedTable.refuse(name, input);
                if (isHidden(name)) {
                    hidden++;
                    continue;
                }
                keys.put(name, keys(relative(match.getPath(), file.getPath())));
                files.add(new InputFile(
                        name, file.getPath().toUri().toString(), file.getLen(), file.getModificationTime()));
            }
        }
        if (files.isEmpty()) {
            throw UserError.of(
                    "input is empty",
                    input,
                    hidden == 0
                            ? "no file is in it; check --input"
                            : "no file is in it but hidden ones, whose names begin with _ or .; check --input");
        }
        return new InputFiles(root, pattern, partitions(keys), files, new TreeMap<>());
    }

    /** Returns the partition keys of the folders above a file; empty text for a folder without a key. */
    private static List<String> keys(String belowMatch) {
        List<String> parts = Arrays.asList(belowMatch.split("/", -1));
        return parts.subList(0, parts.size() - 1).stream()
                .map(folder -> folder.substring(0, Math.max(0, folder.indexOf('='))))
                .toList();
    }

    /** Returns the partition columns, and refuses a file outside the partition folders, which Spark would leave out. */
    private static List<String> partitions(SortedMap<String, List<String>> keysOfFiles) {
        List<String> partitions = keysOfFiles.values().stream()
                .filter(keys -> keys.stream().anyMatch(key -> !key.isEmpty()))
                .findFirst()
                .orElse(List.of());
        keysOfFiles.forEach((file, keys) -> {
            if (!partitions.isEmpty() && (!keys.equals(partitions) || keys.contains(""))) {
                throw UserError.of(
                        "file outside the partition folders",
                        file,
                        "either all files lie in folders key=value of the same keys, or none does;"
                                + " move it, or name one of the folders by --input");
            }
        });
        return partitions;
    }

    /** Returns the same files, read with these options. */
    InputFiles readWith(Map<String, String> given) {
        SortedMap<String, String> sorted = new TreeMap<>();
        given.forEach((name, value) -> sorted.put(name.toLowerCase(Locale.ROOT), value));
        // A user sets it to continue a job that failed on a corrupt file, so it does not make another job.
        sorted.remove(SKIP_CORRUPT.toLowerCase(Locale.ROOT));
        return new InputFiles(root, pattern, partitions, files, sorted);
    }

    /**
     * Returns a text that is equal for the same files and options and differs when a file is added, removed or changed, or is read with other
     * options. The text does not show the values of options.
     */
    String identity() {
        String listing = Stream.concat(
                        files.stream().map(file -> file.name() + "\t" + file.bytes() + "\t" + file.changedMs()),
                        options.entrySet().stream().map(Object::toString))
                .collect(Collectors.joining("\n"));
        long bytes = files.stream().mapToLong(InputFile::bytes).sum();
        String digest =
                Fingerprint.sha256(listing.getBytes(StandardCharsets.UTF_8)).substring(0, 16);
        return files.size() + (files.size() == 1 ? " file, " : " files, ") + bytes + " bytes, " + digest
                + (options.isEmpty() ? "" : ", by " + String.join(", ", options.keySet()));
    }

    /** Returns a file's name relative to the root, from its URI as Spark gives it. */
    String relative(String sparkPath) {
        return relative(root, new Path(URI.create(sparkPath)));
    }

    /** Returns only the files that Spark lists, where options of its reader choose among them. */
    InputFiles only(String[] sparkPaths) {
        Set<String> listed = Arrays.stream(sparkPaths).map(this::relative).collect(Collectors.toSet());
        return new InputFiles(
                root,
                pattern,
                partitions,
                files.stream().filter(file -> listed.contains(file.name())).toList(),
                options);
    }

    private static String relative(Path root, Path file) {
        String base = root.toUri().getPath();
        String path = file.toUri().getPath();
        String prefix = base.endsWith("/") ? base : base + "/";
        return path.startsWith(prefix) ? path.substring(prefix.length()) : path;
    }

    /** Whether Spark's own listing takes the file as hidden. */
    private static boolean isHidden(String name) {
        for (String part : name.split("/", -1)) {
            boolean partition = part.startsWith("_") && part.contains("=");
            if (part.startsWith(".") || (part.startsWith("_") && !partition) || part.endsWith("._COPYING_")) {
                return true;
            }
        }
        return false;
    }

    /**
     * Tables whose own log says which files in their folder hold current rows. Read as plain files, they also return deleted rows and old
     * versions of changed rows.
     */
    enum LoggedTable {
        DELTA(
                "Delta",
                "_delta_log",
                "(.*/)?_delta_log/.*",
                "--format delta with --conf spark.jars.packages=io.delta:... --conf"
                        + " spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf"
                        + " spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"),
        HUDI(
                "Hudi",
                ".hoodie",
                "(.*/)?\\.hoodie/.*",
                "--format hudi with --conf spark.jars.packages=org.apache.hudi:..."),
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

        /** Refuses a file that belongs to a log, by its name relative to the input. */
        static void refuse(String name, String input) {
            for (LoggedTable kind : values()) {
                if (kind.logFile.matcher(name).matches()) {
                    throw kind.refusal(input);
                }
            }
        }

        /** Refuses a folder that has a log beside its files, and a partition folder of a table with a log. */
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
                    "its " + log
                            + " says which files are rows now, and all of them together have deleted rows, too; use "
                            + reading + ", or export it as plain Parquet");
        }
    }
}
