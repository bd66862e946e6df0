package nighttrain.jobs.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.executor.Layout;
import nighttrain.io.UserError;
import nighttrain.jobs.bench.BenchOptions;
import nighttrain.jobs.cli.YamlFile;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.Comparison.Measuring;
import nighttrain.jobs.compare.Comparison.PublishedTable;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Settings;

/** Reads a comparison from YAML; conf/compare has examples. Paths are relative to the file. */
public final class ComparisonFile {
    private static final String PUBLISHED = "published.yaml";
    private static final List<String> KEYS =
            List.of("title", "models", "layouts", "workloads", "settings", "bound", "published");

    /** Settings that models, layouts and bounds decide. */
    private static final Set<String> DECIDED = Stream.<Setting<?>>of(
                    Settings.MODEL, Settings.RANKS, Settings.REPLICAS, BenchOptions.SKIP_SUMS)
            .flatMap(setting -> Stream.concat(Stream.of(setting.name()), setting.aliases().stream()))
            .collect(java.util.stream.Collectors.toUnmodifiableSet());

    private final Path file;
    private final Tree tree;
    private final Map<String, Object> settings = new LinkedHashMap<>();

    private ComparisonFile(Path file, JsonNode text) {
        this.file = file;
        this.tree = new Tree(text, file.toString());
    }

    /** Reads a comparison, and the published figures next to its file. */
    public static Comparison read(Path file) {
        YamlFile yaml = new YamlFile(file, "comparison", "YAML with models:, layouts: and workloads:");
        return parse(file, yaml.read(), published(file.resolveSibling(PUBLISHED)));
    }

    /** Reads published figures; empty where there is no such file. */
    public static List<PublishedTable> published(Path file) {
        return Files.exists(file)
                ? PublishedFile.parse(file, new YamlFile(file, "published figures", "YAML, a table by name").read())
                : List.of();
    }

    /**
     * Types and checks the content of a comparison file.
     *
     * @param file path of the file
     * @param text content of the file
     * @param published tables that the file may name
     * @throws UserError for anything missing, unknown or out of range
     */
    public static Comparison parse(Path file, JsonNode text, List<PublishedTable> published) {
        return new ComparisonFile(file, text).comparison(published);
    }

    private Comparison comparison(List<PublishedTable> published) {
        tree.onlyKeys(KEYS);
        List<Candidate> candidates = candidates();
        readSettings(candidates.get(0));
        BenchOptions shared = BenchOptions.of(settings);
        return new Comparison(
                name(),
                tree.text("title").orElse(name()),
                candidates,
                tree.texts("layouts").stream().map(Layout::parse).distinct().toList(),
                workloads(),
                new Measuring(
                        shared.engine(),
                        shared.dummyWeights(),
                        shared.warmUpRounds(),
                        shared.rounds(),
                        shared.workload().seed(),
                        tree.truth("bound").orElse(true)),
                tables(published),
                facts(shared));
    }

    private String name() {
        return file.getFileName().toString().replaceFirst("\\.ya?ml$", "");
    }

    private List<Candidate> candidates() {
        List<Candidate> candidates = new ArrayList<>();
        tree.child("models")
                .values()
                .forEach((name, path) -> candidates.add(
                        new Candidate(name, file.resolveSibling(path).normalize())));
        return candidates;
    }

    private void readSettings(Candidate any) {
        Set<String> known = new java.util.TreeSet<>();
        BenchOptions.all().forEach(setting -> {
            known.add(setting.name());
            known.addAll(setting.aliases());
        });
        known.removeAll(DECIDED);
        if (tree.has("settings")) {
            tree.child("settings").onlyKeys(List.copyOf(known));
            settings.putAll(tree.child("settings").values());
        }
        settings.put(Settings.MODEL.name(), any.model().toString());
    }

    private List<NamedWorkload> workloads() {
        List<NamedWorkload> workloads = new ArrayList<>();
        for (Tree workload : tree.children("workloads")) {
            NamedWorkload named = WorkloadFile.parse(workload, settings, file);
            if (workloads.stream().anyMatch(other -> other.name().equals(named.name()))) {
                throw UserError.of(
                        "two workloads of one name", named.name(), "in " + file + "; give one a name: of its own");
            }
            workloads.add(named);
        }
        return workloads;
    }

    private List<PublishedTable> tables(List<PublishedTable> published) {
        if (!tree.has("published")) {
            return List.of();
        }
        return tree.texts("published").stream()
                .map(name -> published.stream()
                        .filter(table -> table.name().equals(name))
                        .findFirst()
                        .orElseThrow(() -> UserError.of(
                                "no such published table",
                                name,
                                "in published.yaml beside " + file + "; choose one of "
                                        + published.stream()
                                                .map(PublishedTable::name)
                                                .toList())))
                .toList();
    }

    private Map<String, String> facts(BenchOptions shared) {
        Map<String, String> facts = new LinkedHashMap<>(shared.settings());
        DECIDED.forEach(facts::remove);
        facts.remove(BenchOptions.REPEAT.name()); // more rounds measure the same comparison
        for (Tree workload : tree.children("workloads")) {
            facts.put(
                    "workload " + WorkloadFile.name(workload), workload.values().toString());
        }
        return facts;
    }

    /** Reads tables of published figures: {@code conf/compare/published.yaml}. */
    private static final class PublishedFile {
        private PublishedFile() {}

        /** Returns every table of a file. */
        static List<PublishedTable> parse(Path file, JsonNode text) {
            List<PublishedTable> tables = new ArrayList<>();
            Tree all = new Tree(text, file.toString());
            for (String name : all.keys()) {
                Tree table = all.child(name);
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
