package nighttrain.jobs.compare;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.jobs.cli.YamlFile;

/** The files of a comparison: its own, and the published figures beside it. */
public final class ComparisonReader {
    private static final String PUBLISHED = "published.yaml";

    private ComparisonReader() {}

    public static Comparison read(Path file) {
        YamlFile yaml = new YamlFile(file, "comparison", "YAML with models:, layouts: and workloads:");
        return ComparisonFile.parse(file, yaml.read(), published(file.resolveSibling(PUBLISHED)));
    }

    /** None where there is no such file. */
    public static List<PublishedTable> published(Path file) {
        return Files.exists(file)
                ? PublishedFile.parse(file, new YamlFile(file, "published figures", "YAML, a table by name").read())
                : List.of();
    }
}
