package nighttrain.jobs.compare;

import java.io.Serializable;
import nighttrain.jobs.bench.Workload;

/**
 * A workload of a comparison.
 *
 * @param name name in the comparison: {@code 1024/128}
 * @param workload prompts and outputs of each round
 */
public record NamedWorkload(String name, Workload workload) implements Serializable {}
