package nighttrain.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** JSON objects that others wrote: whatever is wrong with one is told in one line that names it. */
public final class JsonFile {
    // A repeated key would let a file say two things at once; a second value after the first is a damaged file.
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private JsonFile() {}

    /**
     * Reads a file that holds one JSON object.
     *
     * @throws UserError where it is missing, empty, unreadable, or anything else than one object
     */
    public static ObjectNode read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw UserError.of(
                    "no " + file.getFileName() + " in the model directory",
                    file.toAbsolutePath().getParent(),
                    "needed beside the weights; copy it there from where the model came from");
        }
        try {
            return parse(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw UserError.of(
                    "cannot read", file, e.getClass().getSimpleName() + "; check the file and its permissions", e);
        }
    }

    /** As {@link #read}, of bytes already in memory; {@code name} is what the errors call them. */
    public static ObjectNode parse(byte[] json, String name) {
        if (json.length == 0) {
            throw UserError.of("empty file", name, "a JSON object is expected; copy the file again");
        }
        try {
            JsonNode node = MAPPER.readTree(json);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw UserError.of(
                    "not a JSON object",
                    name,
                    "found " + node.getNodeType().name().toLowerCase(Locale.ROOT) + "; copy the file again");
        } catch (JsonProcessingException e) {
            throw UserError.of("not valid JSON", name, oneLine(e) + "; copy the file again", e);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory cannot fail", e);
        }
    }

    private static String oneLine(JsonProcessingException e) {
        String reason = e.getOriginalMessage().lines().findFirst().orElse("damaged");
        return e.getLocation() == null
                ? reason
                : reason + " at line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr();
    }
}
