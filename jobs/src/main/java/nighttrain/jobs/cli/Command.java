package nighttrain.jobs.cli;

import java.io.IOException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;

/** One word after {@code nighttrain}. */
public interface Command {
    CommandSpec spec();

    /** Where not, it runs without Spark on the class path. */
    default boolean usesSpark() {
        return true;
    }

    ExitCode run(ParseResult given) throws IOException, InterruptedException;
}
