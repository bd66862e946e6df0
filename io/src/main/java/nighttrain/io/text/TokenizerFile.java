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

/**
 * What the native tokenizer does not tell about its own {@code tokenizer.json}.
 *
 * @param vocabSize one more than the largest token id
 * @param addedTokens ids of tokens added to the vocabulary, special ones among them, by their text
 */
record TokenizerFile(int vocabSize, Map<String, Integer> addedTokens) {
    // Read as a stream: a vocabulary of a quarter million entries makes a large tree.
    private static final JsonFactory JSON = new ObjectMapper().getFactory();

    TokenizerFile {
        addedTokens = Map.copyOf(addedTokens);
    }

    static TokenizerFile parse(byte[] bytes, String name) {
        try (JsonParser json = JSON.createParser(bytes)) {
            Scan scan = new Scan();
            scan.root(json);
            return new TokenizerFile(scan.maxId + 1, scan.addedTokens);
        } catch (JsonProcessingException e) {
            throw JsonFile.invalid(name, e);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory cannot fail", e);
        }
    }

    private static final class Scan {
        private final Map<String, Integer> addedTokens = new HashMap<>();
        private int maxId = -1;

        private void root(JsonParser json) throws IOException {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                JsonToken value = json.nextToken();
                if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                    added(json.readValueAsTree());
                } else if (key.equals("model") && value == JsonToken.START_OBJECT) {
                    model(json);
                } else {
                    json.skipChildren();
                }
            }
        }

        private void added(JsonNode tokens) {
            for (JsonNode token : tokens) {
                int id = token.path("id").asInt(-1);
                maxId = Math.max(maxId, id);
                addedTokens.put(token.path("content").asText(), id);
            }
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
                json.nextToken();
                maxId = Math.max(maxId, json.getValueAsInt(-1));
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
