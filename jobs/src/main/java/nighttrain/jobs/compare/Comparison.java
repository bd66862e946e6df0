package nighttrain.jobs.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.Layout;
import nighttrain.io.UserError;
import nighttrain.jobs.compare.Cell.Visit;

/**
 * A comparison: every candidate on every layout under every workload, with the same prompts each time.
 *
 * @param name name of the comparison: that of its file, without the extension
 * @param title title in words
 * @param candidates models; the first is the baseline (1.0)
 * @param layouts layouts; the baseline runs on the first
 * @param workloads workloads that each engine runs
 * @param measuring how each cell is measured
 * @param published tables of figures published by others, to show beside these
 * @param facts everything that a figure depends on, as text by name
 */
public record Comparison(
        String name,
        String title,
        List<Candidate> candidates,
        List<Layout> layouts,
        List<NamedWorkload> workloads,
        Measuring measuring,
        List<PublishedTable> published,
        Map<String, String> facts) {
    /**
     * How each cell is measured.
     *
     * @param engine settings of every engine, the layout aside
     * @param dummyWeights random weights instead of the checkpoints'
     * @param warmUpRounds short rounds before each measured one
     * @param rounds measured rounds of each cell
     * @param seed seed of random prompts
     * @param bounds whether layouts of several ranks are also measured without all-reduces
     */
    public record Measuring(
            EngineConfig engine, boolean dummyWeights, int warmUpRounds, int rounds, long seed, boolean bounds) {}

    public Comparison {
        candidates = List.copyOf(candidates);
        layouts = List.copyOf(layouts);
        workloads = List.copyOf(workloads);
        published = List.copyOf(published);
    }

    /** Returns every way to open an engine, in the order of one sweep. */
    public List<Visit> visits() {
        List<Visit> visits = new ArrayList<>();
        for (Layout layout : layouts) {
            for (Candidate candidate : candidates) {
                visits.add(new Visit(candidate.name(), layout, false));
                if (measuring.bounds && layout.ranks() > 1) {
                    visits.add(new Visit(candidate.name(), layout, true));
                }
            }
        }
        return visits;
    }

    /** Returns the baseline (1.0) of a workload. */
    public Cell baseline(String workload) {
        return new Cell(new Visit(candidates.get(0).name(), layouts.get(0), false), workload);
    }

    private Candidate candidate(String name) {
        return candidates.stream()
                .filter(candidate -> candidate.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** Returns the work of an engine in a round; token ids of random prompts are below {@code vocabulary}. */
    Assignment assignment(int round, Visit visit, List<NamedWorkload> missing, int vocabulary) {
        return new Assignment(
                round,
                visit,
                candidate(visit.candidate()).model().toAbsolutePath().toString(),
                measuring.dummyWeights,
                engine(visit),
                measuring.warmUpRounds,
                vocabulary,
                measuring.seed,
                workloads,
                missing);
    }

    private EngineConfig engine(Visit visit) {
        EngineConfig engine = measuring.engine;
        GpuConfig gpu = visit.bound() ? engine.gpu().withoutAllReduce() : engine.gpu();
        return engine.with(gpu).with(visit.layout());
    }

    /**
     * Refuses names that the comparison does not have.
     *
     * @throws UserError with the names that it has
     */
    public void checkChoice(Choice choice) {
        check(
                "--models",
                choice.candidates(),
                candidates.stream().map(Candidate::name).toList());
        check(
                "--layouts",
                choice.layouts(),
                layouts.stream().map(Layout::toString).toList());
        check(
                "--workloads",
                choice.workloads(),
                workloads.stream().map(NamedWorkload::name).toList());
    }

    private static void check(String option, List<String> chosen, List<String> known) {
        for (String name : chosen) {
            if (!known.contains(name)) {
                throw UserError.of(
                        "bad value of " + option,
                        name,
                        "the comparison has " + String.join(", ", known) + "; choose of these");
            }
        }
    }

    /**
     * The part of a comparison to measure now; empty lists choose everything.
     *
     * @param candidates names of models
     * @param layouts layouts as text
     * @param workloads names of workloads
     */
    public record Choice(List<String> candidates, List<String> layouts, List<String> workloads) {
        public static Choice everything() {
            return new Choice(List.of(), List.of(), List.of());
        }

        boolean has(Visit visit) {
            return has(candidates, visit.candidate())
                    && has(layouts, visit.layout().toString());
        }

        boolean has(NamedWorkload workload) {
            return has(workloads, workload.name());
        }

        private static boolean has(List<String> chosen, String name) {
            return chosen.isEmpty() || chosen.contains(name);
        }
    }

    /**
     * A model of a comparison.
     *
     * @param name name in the comparison: {@code track-d8}
     * @param model checkpoint directory, or a directory with a config.json where weights are random
     */
    public record Candidate(String name, Path model) {}

    /**
     * Figures that others measured on their own machine.
     *
     * @param name name by which comparisons refer to it
     * @param title what was measured
     * @param source where it was published
     * @param machine where it was measured
     * @param note what a reader must know before comparing the two
     * @param figure name of the measured figure to compare with
     * @param rows published figures
     */
    public record PublishedTable(
            String name, String title, String source, String machine, String note, String figure, List<Row> rows) {
        public PublishedTable {
            rows = List.copyOf(rows);
        }

        /**
         * Figures of one workload.
         *
         * @param system system that was measured: an inference engine
         * @param workload name of the workload in the comparison; empty where the figure covers several
         * @param values values by candidate name in the comparison
         */
        public record Row(String system, String workload, Map<String, Double> values) {}
    }
}
