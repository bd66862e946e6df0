package nighttrain.jobs.cli;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.JsonTokenId;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import nighttrain.io.UserError;

/**
 * A local file that people write in YAML. A key given twice, a second document, aliases and tags are refused: the parser would leave out the
 * first value, that document, and what the signs stand for.
 *
 * @param path path of the file
 * @param kind what errors call the file: {@code settings file}
 * @param form expected form, in a few words
 */
public record YamlFile(Path path, String kind, String form) {
    private static final ObjectMapper YAML = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS) // a label may be called yes or no
            .build();

    /**
     * Reads the file; numbers, true and false have their types.
     *
     * @throws UserError where the file cannot be read or is not YAML
     */
    public JsonNode read() {
        return read(Plain::new);
    }

    /** As {@link #read}, but numbers, true and false are texts as they are written: a label 007 is not 7, and 1.10 is not 1.1. */
    public JsonNode readAsWritten() {
        return read(AsWritten::new);
    }

    private JsonNode read(Function<YAMLParser, JsonParser> as) {
        try (JsonParser parser = as.apply((YAMLParser) YAML.getFactory().createParser(Files.readString(path)))) {
            JsonNode root = YAML.readTree(parser);
            if (parser.nextToken() != null) {
                throw new JsonParseException(parser, "a second document");
            }
            return root == null ? YAML.missingNode() : root;
        } catch (JsonProcessingException e) {
            String line =
                    e.getLocation() == null ? "" : " in line " + e.getLocation().getLineNr();
            String reason = e.getOriginalMessage().lines().findFirst().orElse("");
            throw unreadable(form + ": " + reason + "; mend it" + line, e);
        } catch (IOException e) {
            throw unreadable("a local text file in UTF-8; check its path", e);
        }
    }

    public UserError unreadable(String hint, Exception cause) {
        return UserError.of("cannot read the " + kind, path, hint, cause);
    }

    /** Parses YAML without aliases and tags. */
    private static class Plain extends JsonParserDelegate {
        private static final String TAGS_OF_YAML = "tag:yaml.org,2002:";

        private final YAMLParser yaml;

        Plain(YAMLParser yaml) {
            super(yaml);
            this.yaml = yaml;
        }

        @Override
        public JsonToken nextToken() throws IOException {
            JsonToken token = super.nextToken();
            if (token != null && token != JsonToken.FIELD_NAME) {
                refuse(yaml.isCurrentAlias(), "alias *");
                refuse(yaml.getTypeId() != null && !yaml.getTypeId().startsWith(TAGS_OF_YAML), "tag !");
            }
            return token;
        }

        private void refuse(boolean has, String what) throws JsonParseException {
            if (has) {
                throw new JsonParseException(
                        this, what + " is not supported, a text with this sign is written in quotes");
            }
        }
    }

    /** Gives numbers, true and false as texts. */
    private static final class AsWritten extends Plain {
        AsWritten(YAMLParser yaml) {
            super(yaml);
        }

        @Override
        public JsonToken nextToken() throws IOException {
            return asText(super.nextToken());
        }

        @Override
        public JsonToken currentToken() {
            return asText(super.currentToken());
        }

        @Override
        public int currentTokenId() {
            return currentToken() == null
                    ? JsonTokenId.ID_NO_TOKEN
                    : currentToken().id();
        }

        private static JsonToken asText(JsonToken token) {
            boolean isText = token != null && token.isScalarValue() && token != JsonToken.VALUE_NULL;
            return isText ? JsonToken.VALUE_STRING : token;
        }
    }
}
