package nighttrain.jobs.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.UserError;

/**
 * A local file that people write in YAML.
 *
 * @param path path of the file
 * @param kind what errors call the file: {@code settings file}
 * @param form expected form, in a few words
 */
public record YamlFile(Path path, String kind, String form) {
    /**
     * Reads the file.
     *
     * @throws UserError where the file cannot be read or is not YAML
     */
    public JsonNode read() {
        try {
            return new YAMLMapper().readTree(Files.readString(path));
        } catch (JsonProcessingException e) {
            String line =
                    e.getLocation() == null ? "" : " in line " + e.getLocation().getLineNr();
            throw unreadable(form + "; mend it" + line, e);
        } catch (IOException e) {
            throw unreadable("a local text file; check the path given to --config", e);
        }
    }

    public UserError unreadable(String hint, Exception cause) {
        return UserError.of("cannot read the " + kind, path, hint, cause);
    }
}
