package nighttrain.pipeline.read;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.Digests;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * The files of an input.
 *
 * @param root what their names are relative to
 * @param files in the order of their names
 */
record InputFiles(Path root, List<InputFile> files) {
    /** A file: name relative to the root, length in bytes, time of the last change in ms. */
    record InputFile(String name, long bytes, long changedMs) {}

    InputFiles {
        files = files.stream().sorted(Comparator.comparing(InputFile::name)).toList();
    }

    /**
     * Lists a file, a directory with all below it, or all that match a pattern; hidden files are left out, as Spark does.
     *
     * @throws UserError where there is nothing
     */
    static InputFiles list(String input, Configuration hadoop) {
        try {
            Path path = new Path(input);
            FileSystem fs = path.getFileSystem(hadoop);
            FileStatus[] matches = fs.globStatus(fs.makeQualified(path));
            if (matches == null || matches.length == 0) {
                throw UserError.of("input not found", input, "no such file or directory; check --input");
            }
            Path root = root(matches, fs.makeQualified(path));
            List<InputFile> files = new ArrayList<>();
            for (FileStatus match : matches) {
                RemoteIterator<LocatedFileStatus> below = fs.listFiles(match.getPath(), true);
                while (below.hasNext()) {
                    LocatedFileStatus file = below.next();
                    String name = relative(root, file.getPath());
                    if (!isHidden(name)) {
                        files.add(new InputFile(name, file.getLen(), file.getModificationTime()));
                    }
                }
            }
            return new InputFiles(root, files);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Equal for the same files, different when one is added, removed or changed. */
    String identity() {
        String listing = files.stream()
                .map(file -> file.name() + "\t" + file.bytes() + "\t" + file.changedMs())
                .collect(Collectors.joining("\n"));
        long bytes = files.stream().mapToLong(InputFile::bytes).sum();
        String digest = Digests.sha256(listing.getBytes(StandardCharsets.UTF_8)).substring(0, 16);
        return files.size() + (files.size() == 1 ? " file, " : " files, ") + bytes + " bytes, " + digest;
    }

    /** A file's name relative to the root, from the URI that Spark gives. */
    String relative(String sparkPath) {
        return relative(root, new Path(URI.create(sparkPath)));
    }

    private static Path root(FileStatus[] matches, Path asked) {
        if (matches.length == 1 && matches[0].getPath().equals(asked)) {
            return matches[0].isDirectory() ? asked : asked.getParent();
        }
        Path fixed = asked;
        while (fixed.toUri().getPath().matches(".*[*?\\[{].*")) {
            fixed = fixed.getParent();
        }
        return fixed;
    }

    private static String relative(Path root, Path file) {
        String base = root.toUri().getPath();
        String path = file.toUri().getPath();
        String prefix = base.endsWith("/") ? base : base + "/";
        return path.startsWith(prefix) ? path.substring(prefix.length()) : path;
    }

    private static boolean isHidden(String name) {
        for (String part : name.split("/", -1)) {
            boolean partition = part.startsWith("_") && part.contains("=");
            if (part.startsWith(".") || (part.startsWith("_") && !partition)) {
                return true;
            }
        }
        return false;
    }
}
