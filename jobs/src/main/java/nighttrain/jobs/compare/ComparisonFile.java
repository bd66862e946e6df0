package nighttrain.jobs.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.jobs.bench.BenchOptions;
import nighttrain.jobs.bench.BenchSettings;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.Comparison.NamedWorkload;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Settings;

/** A comparison as it is written down: conf/compare has examples. Paths are relative to the file. */
public final class ComparisonFile {
    private static final List<String> KEYS =
            List.of("title", "models", "layouts", "workloads", "settings", "bound", "published");

    /** What models, layouts and bounds decide. */
    private static final Set<String> DECIDED = Stream.<Setting<?>>of(
                    Settings.MODEL, Settings.RANKS, Settings.REPLICAS, BenchSettings.SKIP_SUMS)
            .flatMap(setting -> Stream.concat(Stream.of(setting.name()), setting.aliases().stream()))
            .collect(java.util.stream.Collectors.toUnmodifiableSet());

    private final Path file;
    private final Tree tree;
    private final Map<String, Object> settings = new LinkedHashMap<>();

    private ComparisonFile(Path file, JsonNode text) {
        this.file = file;
        this.tree = new Tree(text, file.toString());
    }

    /**
     * Types and checks what is written.
     *
     * @param file where it was read
     * @param text its content
     * @param published tables that it may name
     * @throws UserError for anything missing, unknown or out of range
     */
    public static Comparison parse(Path file, JsonNode text, List<PublishedTable> published) {
        return new ComparisonFile(file, text).comparison(published);
    }

    private Comparison comparison(List<PublishedTable> published) {
        tree.onlyKeys(KEYS);
        List<Candidate> contenders = contenders();
        readSettings(contenders.get(0));
        BenchOptions shared = BenchOptions.of(settings);
        return new Comparison(
                name(),
                tree.text("title").orElse(name()),
                contenders,
                tree.texts("layouts").stream().map(Layout::parse).distinct().toList(),
                loads(),
                shared.engine(),
                shared.dummyWeights(),
                shared.warmUpRounds(),
                shared.rounds(),
                shared.workload().seed(),
                tree.text("bound").map(Boolean::parseBoolean).orElse(true),
                tables(published),
                facts(shared));
    }

    private String name() {
        return file.getFileName().toString().replaceFirst("\\.ya?ml$", "");
    }

    private List<Candidate> contenders() {
        List<Candidate> contenders = new ArrayList<>();
        tree.child("models")
                .values()
                .forEach((name, path) -> contenders.add(
                        new Candidate(name, file.resolveSibling(path).normalize())));
        return contenders;
    }

    private void readSettings(Candidate any) {
        Set<String> known = new java.util.TreeSet<>();
        BenchSettings.all().forEach(setting -> {
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

    private List<NamedWorkload> loads() {
        List<NamedWorkload> loads = new ArrayList<>();
        for (Tree load : tree.children("workloads")) {
            NamedWorkload named = WorkloadFile.parse(load, settings, file);
            if (loads.stream().anyMatch(other -> other.name().equals(named.name()))) {
                throw UserError.of(
                        "two workloads of one name", named.name(), "in " + file + "; give one a name: of its own");
            }
            loads.add(named);
        }
        return loads;
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
        facts.remove(BenchSettings.REPEAT.name()); // more rounds are more of the same
        for (Tree load : tree.children("workloads")) {
            facts.put("workload " + WorkloadFile.name(load), load.values().toString());
        }
        return facts;
    }
}
