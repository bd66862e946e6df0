package nighttrain.jobs.cli;

import java.io.IOException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;

/** A command of {@code nighttrain}. */
public interface Command {
    CommandSpec spec();

    /** Whether the command needs Spark on the class path. */
    default boolean usesSpark() {
        return true;
    }

    ExitCode run(ParseResult given) throws IOException, InterruptedException;
}
