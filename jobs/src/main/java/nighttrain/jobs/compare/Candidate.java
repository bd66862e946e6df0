package nighttrain.jobs.compare;

import java.nio.file.Path;

/**
 * A model of a comparison.
 *
 * @param name what the comparison calls it: {@code track-d8}
 * @param model checkpoint directory, or one with a config.json where weights are random
 */
public record Candidate(String name, Path model) {}
