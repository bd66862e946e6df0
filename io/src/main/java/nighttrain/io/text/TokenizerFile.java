package nighttrain.io.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * The parts of {@code tokenizer.json} that the native tokenizer does not expose.
 *
 * @param vocabSize one more than the largest token id
 * @param addedTokens ids of tokens added to the vocabulary, including special ones, by their text
 * @param specialTokens texts of the tokens that decoded text omits, by their ids
 */
record TokenizerFile(int vocabSize, Map<String, Integer> addedTokens, Map<Integer, String> specialTokens) {
    /** Largest id of the largest vocabulary that a config may have. */
    private static final int MAX_ID = (1 << 30) - 1;

    // Read as a stream: a vocabulary of a quarter million entries would make a large tree.
    private static final JsonFactory JSON = new ObjectMapper().getFactory();

    TokenizerFile {
        addedTokens = Map.copyOf(addedTokens);
        specialTokens = Map.copyOf(specialTokens);
    }

    static TokenizerFile parse(byte[] bytes, String name) {
        try (JsonParser json = JSON.createParser(bytes)) {
            Scan scan = new Scan(name);
            scan.root(json);
            return new TokenizerFile(scan.maxId + 1, scan.addedTokens, scan.specialTokens);
        } catch (JsonProcessingException e) {
            throw JsonFile.invalid(name, e);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory cannot fail", e);
        }
    }

    private static final class Scan {
        private final Map<String, Integer> addedTokens = new HashMap<>();
        private final Map<Integer, String> specialTokens = new HashMap<>();
        private final String file;
        private int maxId = -1;

        Scan(String file) {
            this.file = file;
        }

        private void root(JsonParser json) throws IOException {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                JsonToken value = json.nextToken();
                if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                    added(json.readValueAsTree());
                } else if (key.equals("model") && value == JsonToken.START_OBJECT) {
                    model(json);
                } else if (TokenizerLimits.PARTS.contains(key)) {
                    TokenizerLimits.check(key, json.readValueAsTree(), file);
                } else {
                    json.skipChildren();
                }
            }
        }

        private void added(JsonNode tokens) {
            for (JsonNode token : tokens) {
                String text = token.path("content").asText();
                JsonNode id = token.path("id");
                seen(text, id.isIntegralNumber() && id.canConvertToInt() ? id.intValue() : -1);
                addedTokens.put(text, id.intValue());
                if (token.path("special").asBoolean()) {
                    specialTokens.put(id.intValue(), text);
                }
            }
        }

        private void seen(String token, int id) {
            if (id < 0 || id > MAX_ID) {
                throw UserError.of(
                        "bad token id in " + file, token, "0 to " + MAX_ID + " are ids; copy the file again");
            }
            maxId = Math.max(maxId, id);
        }

        private void model(JsonParser json) throws IOException {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                boolean vocabulary = json.currentName().equals("vocab");
                JsonToken value = json.nextToken();
                if (vocabulary && value == JsonToken.START_OBJECT) {
                    idsByToken(json);
                } else if (vocabulary && value == JsonToken.START_ARRAY) {
                    tokensInOrder(json);
                } else {
                    json.skipChildren();
                }
            }
        }

        private void idsByToken(JsonParser json) throws IOException {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String token = json.currentName();
                boolean isId = json.nextToken() == JsonToken.VALUE_NUMBER_INT
                        && json.getNumberType() == JsonParser.NumberType.INT;
                seen(token, isId ? json.getIntValue() : -1);
                json.skipChildren();
            }
        }

        // Unigram: [["token", score], ...], where the position is the id.
        private void tokensInOrder(JsonParser json) throws IOException {
            for (int id = 0; json.nextToken() != JsonToken.END_ARRAY; id++) {
                json.skipChildren();
                maxId = Math.max(maxId, id);
            }
        }
    }
}
