package nighttrain.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Reads JSON objects written by others: every fault is reported in one line that names the file. */
public final class JsonFile {
    // Python writes NaN and Infinity, and so do models' files; a second value after the first means a damaged file.
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** Ten times the size of the largest vocabularies. */
    private static final long MAX_FILE_BYTES = 256L << 20;

    private JsonFile() {}

    /**
     * Reads a model's file that holds one JSON object.
     *
     * @throws UserError where it is missing, empty, unreadable, or not exactly one object
     */
    public static ObjectNode read(Path file) {
        return parse(bytes(file), file.toString());
    }

    /** Like {@link #read}; empty where the file is missing. */
    public static Optional<ObjectNode> readIfPresent(Path file) {
        return Files.exists(file) ? Optional.of(read(file)) : Optional.empty();
    }

    /**
     * Returns the bytes of a model's file.
     *
     * @throws UserError where it is missing or unreadable
     */
    public static byte[] bytes(Path file) {
        if (!Files.isRegularFile(file)) {
            throw UserError.of(
                    "no " + file.getFileName() + " in the model directory",
                    file.toAbsolutePath().getParent(),
                    "needed beside the weights; copy it from where the model came from");
        }
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw UserError.of(
                        "file too long",
                        file,
                        Files.size(file) + " bytes, at most " + MAX_FILE_BYTES + "; copy the file again");
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw UserError.of(
                    "cannot read", file, e.getClass().getSimpleName() + "; check the file and its permissions", e);
        }
    }

    /**
     * Like {@link #read}, for bytes already in memory; {@code name} is what errors call them.
     *
     * @throws UserError where they are not exactly one object
     */
    public static ObjectNode parse(byte[] json, String name) {
        if (json.length == 0) {
            throw UserError.of("empty file", name, "a JSON object is expected; copy the file again");
        }
        try {
            JsonNode node = MAPPER.readTree(json);
            if (node instanceof ObjectNode object) {
                return object;
            }
            String found = node.getNodeType().name().toLowerCase(Locale.ROOT);
            throw UserError.of("not a JSON object", name, "found " + found + "; copy the file again");
        } catch (JsonProcessingException e) {
            throw invalid(name, e);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory cannot fail", e);
        }
    }

    /** Returns the error for damaged JSON. */
    public static UserError invalid(String name, JsonProcessingException e) {
        String reason = e.getOriginalMessage().lines().findFirst().orElse("damaged");
        String where = e.getLocation() == null
                ? ""
                : " at line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr();
        return UserError.of("not valid JSON", name, reason + where + "; copy the file again", e);
    }
}
