package nighttrain.jobs.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import nighttrain.io.UserError;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** The file of {@code --json}; the command checks that the file is writable before it measures anything. */
public record JsonOutput(Path path) {
    private static final String OPTION = "--json";

    /**
     * Returns the option that names the file.
     *
     * @param what content of the file
     */
    public static OptionSpec option(String what) {
        return OptionSpec.builder(OPTION)
                .type(Path.class)
                .paramLabel("FILE")
                .description("write " + what + " to this local file, too; an old one is replaced")
                .build();
    }

    /** Returns the file that the command line names, if any. */
    public static Optional<JsonOutput> of(ParseResult given) {
        return Optional.<Path>ofNullable(given.matchedOptionValue(OPTION, null)).map(JsonOutput::at);
    }

    private static JsonOutput at(Path path) {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw cannotWrite(path, "its directory must be there; make it", null);
        }
        if (Files.exists(path) ? !Files.isRegularFile(path) || !Files.isWritable(path) : !Files.isWritable(folder)) {
            throw cannotWrite(path, "a file that may be written; choose another", null);
        }
        return new JsonOutput(path);
    }

    public void write(JsonNode json) {
        try {
            Files.writeString(path, json.toPrettyString() + "\n");
        } catch (IOException e) {
            throw cannotWrite(path, e.getClass().getSimpleName() + "; check space and permissions", e);
        }
    }

    private static UserError cannotWrite(Path path, String hint, IOException cause) {
        return UserError.of("cannot write the file of " + OPTION, path, hint, cause);
    }
}
