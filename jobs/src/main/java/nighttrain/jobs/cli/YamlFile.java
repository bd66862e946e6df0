package nighttrain.jobs.cli;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.util.TokenBuffer;
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
    private static final YAMLMapper MAPPER = new YAMLMapper();

    /**
     * Reads the file.
     *
     * @throws UserError where the file cannot be read or is not YAML
     */
    public JsonNode read() {
        return read(MAPPER::readTree);
    }

    /**
     * As {@link #read}, but each number, true and false is the text that is written: {@code 1.10}, {@code 007}, {@code yes}.
     *
     * @throws UserError where the file cannot be read or is not YAML
     */
    public JsonNode readTexts() {
        return read(YamlFile::texts);
    }

    private static JsonNode texts(String yaml) throws IOException {
        try (JsonParser parser = MAPPER.createParser(yaml);
                TokenBuffer texts = new TokenBuffer(parser)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token.isNumeric() || token.isBoolean()) {
                    texts.writeString(parser.getText());
                } else {
                    texts.copyCurrentEvent(parser);
                }
            }
            return MAPPER.readTree(texts.asParser());
        }
    }

    private interface Reader {
        JsonNode read(String yaml) throws IOException;
    }

    private JsonNode read(Reader reader) {
        try {
            return reader.read(Files.readString(path));
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
