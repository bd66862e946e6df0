package nighttrain.jobs;

import java.nio.file.Path;

/** Places in the repository. */
final class Project {
    static final Path ROOT = Path.of(System.getProperty("nighttrain.root"));
    static final Path CONF = ROOT.resolve("conf");
    static final Path DEMO_MODEL = CONF.resolve("demo/model");
    static final Path DEMO_PROMPTS = CONF.resolve("demo/prompts.parquet");
    static final Path LAUNCHER = ROOT.resolve("jobs/nighttrain");

    private Project() {}
}
