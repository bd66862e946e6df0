package nighttrain.pipeline.cluster;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A cluster as its manager tells of it.
 *
 * @param workers whole sizes of those alive, the largest first; what of them is in use, nobody tells
 * @param others names of the other applications, at work or waiting
 */
record ClusterState(List<ExecutorSize> workers, List<String> others) {
    ClusterState {
        workers = List.copyOf(workers);
        others = List.copyOf(others);
    }

    String sizes() {
        return workers.isEmpty()
                ? "no workers"
                : workers.stream().map(ExecutorSize::toString).distinct().collect(Collectors.joining(" / "));
    }
}
