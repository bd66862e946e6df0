package nighttrain.jobs.compare;

import java.util.List;

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
        return has(contenders, visit.contender()) && has(layouts, visit.layout().toString());
    }

    boolean has(NamedWorkload load) {
        return has(loads, load.name());
    }

    private static boolean has(List<String> chosen, String name) {
        return chosen.isEmpty() || chosen.contains(name);
    }
}
