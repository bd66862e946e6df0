package nighttrain.pipeline.compare;

import java.io.Serializable;
import nighttrain.pipeline.bench.Load;

/**
 * A load of a comparison.
 *
 * @param name what the comparison calls it: {@code 1024/128}
 * @param load what each round of it asks
 */
public record NamedLoad(String name, Load load) implements Serializable {}
