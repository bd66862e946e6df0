package nighttrain.jobs.compare;

import java.io.Serializable;
import nighttrain.jobs.bench.Workload;

/**
 * A workload of a comparison.
 *
 * @param name what the comparison calls it: {@code 1024/128}
 * @param workload what each round of it asks
 */
public record NamedWorkload(String name, Workload workload) implements Serializable {}
