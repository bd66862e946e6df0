package nighttrain.jobs.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

    /** Tables that others published, as they are written down: {@code conf/compare/published.yaml}. */
    private static final class PublishedFile {
        private PublishedFile() {}

        /** Every table of a file. */
        public static List<PublishedTable> parse(Path file, JsonNode text) {
            List<PublishedTable> tables = new ArrayList<>();
            for (String name : new Tree(text, file.toString()).values().keySet()) {
                Tree table = new Tree(text.get(name), name + " of " + file);
                table.onlyKeys(List.of("title", "source", "machine", "note", "figure", "rows"));
                tables.add(new PublishedTable(
                        name,
                        table.required("title"),
                        table.required("source"),
                        table.required("machine"),
                        table.required("note"),
                        table.required("figure"),
                        table.children("rows").stream().map(PublishedFile::row).toList()));
            }
            return tables;
        }

        private static PublishedTable.Row row(Tree row) {
            Map<String, Double> values = new LinkedHashMap<>();
            row.values().forEach((key, value) -> {
                if (!key.equals("system") && !key.equals("workload")) {
                    values.put(key, Double.valueOf(value));
                }
            });
            return new PublishedTable.Row(
                    row.required("system"), row.text("workload").orElse(""), values);
        }
    }
}
