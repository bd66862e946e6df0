package nighttrain.jobs.compare;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.io.UserError;
import nighttrain.jobs.bench.Workload;

/**
 * What is compared: every contender on every layout under every load, the same prompts each time.
 *
 * @param name of the comparison: its file's, without the ending
 * @param title in words
 * @param contenders the first is 1.0
 * @param layouts on the first, the first contender is 1.0
 * @param loads what each is asked
 * @param engine what every engine is asked but its layout
 * @param dummyWeights random weights instead of the checkpoints'
 * @param warmUpRounds short rounds before each measured one
 * @param rounds measured rounds of each cell
 * @param seed of random prompts
 * @param bounds whether layouts of several ranks are measured without sums, too
 * @param published names of tables by others to show beside
 * @param facts everything that a figure depends on, as text by name
 */
public record Comparison(
        String name,
        String title,
        List<Candidate> contenders,
        List<Layout> layouts,
        List<NamedWorkload> loads,
        EngineConfig engine,
        boolean dummyWeights,
        int warmUpRounds,
        int rounds,
        long seed,
        boolean bounds,
        List<PublishedTable> published,
        Map<String, String> facts) {
    public Comparison {
        contenders = List.copyOf(contenders);
        layouts = List.copyOf(layouts);
        loads = List.copyOf(loads);
        published = List.copyOf(published);
    }

    /** Every way to open an engine, in the order of one sweep. */
    public List<Visit> visits() {
        List<Visit> visits = new ArrayList<>();
        for (Layout layout : layouts) {
            for (Candidate contender : contenders) {
                visits.add(new Visit(contender.name(), layout, false));
                if (bounds && layout.ranks() > 1) {
                    visits.add(new Visit(contender.name(), layout, true));
                }
            }
        }
        return visits;
    }

    /** What is 1.0 under a load. */
    public Cell baseline(String load) {
        return new Cell(new Visit(contenders.get(0).name(), layouts.get(0), false), load);
    }

    private Candidate contender(String name) {
        return contenders.stream()
                .filter(contender -> contender.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** What an engine has to do in a round; random prompts are made of {@code vocabulary} tokens. */
    Assignment assignment(int round, Visit visit, List<NamedWorkload> missing, int vocabulary) {
        return new Assignment(
                round,
                visit,
                contender(visit.contender()).model().toAbsolutePath().toString(),
                dummyWeights,
                engine(visit),
                warmUpRounds,
                vocabulary,
                seed,
                loads,
                missing);
    }

    private EngineConfig engine(Visit visit) {
        GpuConfig gpu = visit.bound() ? engine.gpu().withoutAllReduce() : engine.gpu();
        return engine.with(gpu)
                .withLayout(visit.layout().replicas(), visit.layout().ranks());
    }

    /**
     * Refuses names that the comparison does not have.
     *
     * @throws UserError naming those that it has
     */
    public void checkChoice(Choice choice) {
        check(
                "--models",
                choice.contenders(),
                contenders.stream().map(Candidate::name).toList());
        check(
                "--layouts",
                choice.layouts(),
                layouts.stream().map(Layout::toString).toList());
        check(
                "--workloads",
                choice.loads(),
                loads.stream().map(NamedWorkload::name).toList());
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
     * A part of a comparison, to be measured now; empty lists choose everything.
     *
     * @param contenders names of models
     * @param layouts as they are written
     * @param loads names of loads
     */
    public record Choice(List<String> contenders, List<String> layouts, List<String> loads) {
        public static Choice everything() {
            return new Choice(List.of(), List.of(), List.of());
        }

        boolean has(Visit visit) {
            return has(contenders, visit.contender())
                    && has(layouts, visit.layout().toString());
        }

        boolean has(NamedWorkload load) {
            return has(loads, load.name());
        }

        private static boolean has(List<String> chosen, String name) {
            return chosen.isEmpty() || chosen.contains(name);
        }
    }

    /**
     * A model of a comparison.
     *
     * @param name what the comparison calls it: {@code track-d8}
     * @param model checkpoint directory, or one with a config.json where weights are random
     */
    public record Candidate(String name, Path model) {}

    /**
     * A load of a comparison.
     *
     * @param name what the comparison calls it: {@code 1024/128}
     * @param load what each round of it asks
     */
    public record NamedWorkload(String name, Workload load) implements Serializable {}
}
