package nighttrain.io.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.NullNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nighttrain.io.UserError;

/**
 * Reads the tokens of a {@code tokenizer.json} and applies its decoder to each alone. Decoders whose result depends on neighbouring tokens are
 * refused.
 */
final class VocabularyFile {
    private static final JsonFactory JSON = new ObjectMapper().getFactory();

    /** The byte that each of GPT-2's letters stands for, -1 for other characters. */
    private static final int[] BYTE_OF_LETTER = byteOfLetter();

    private final String file;
    private String[] tokens = new String[1024];
    private final Map<Integer, String> special = new HashMap<>();
    private JsonNode added = NullNode.instance;
    private JsonNode decoder = NullNode.instance;

    private VocabularyFile(String file) {
        this.file = file;
    }

    /** Returns the vocabulary of a file that {@link TokenizerFile} has read before, of {@code size} tokens. */
    static Vocabulary read(byte[] bytes, String file, int size, Set<Integer> endTokens) {
        VocabularyFile scan = new VocabularyFile(file);
        try (JsonParser json = JSON.createParser(bytes)) {
            scan.root(json);
        } catch (IOException e) {
            throw new IllegalStateException("it was read before", e);
        }
        for (JsonNode token : scan.added) {
            int id = token.path("id").intValue();
            String content = token.path("content").asText();
            scan.set(id, content);
            if (token.path("special").asBoolean()) {
                scan.special.put(id, content);
            }
        }
        return scan.vocabulary(size, endTokens);
    }

    private void set(int id, String token) {
        if (id >= tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(id + 1, tokens.length * 2));
        }
        tokens[id] = token;
    }

    private void root(JsonParser json) throws IOException {
        json.nextToken();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "added_tokens" -> added = json.readValueAsTree();
                case "decoder" -> decoder = json.readValueAsTree();
                case "model" -> model(json);
                default -> json.skipChildren();
            }
        }
    }

    private void model(JsonParser json) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            boolean vocabulary = json.currentName().equals("vocab");
            JsonToken value = json.nextToken();
            if (vocabulary && value == JsonToken.START_OBJECT) {
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String token = json.currentName();
                    json.nextToken();
                    set(json.getIntValue(), token);
                }
            } else if (vocabulary && value == JsonToken.START_ARRAY) {
                for (int id = 0; json.nextToken() != JsonToken.END_ARRAY; id++) {
                    JsonNode pair = json.readValueAsTree(); // ["token", score]
                    set(id, pair.path(0).asText());
                }
            } else {
                json.skipChildren();
            }
        }
    }

    private Vocabulary vocabulary(int size, Set<Integer> endTokens) {
        Steps steps = new Steps(file, decoder);
        byte[][] bytes = new byte[size][];
        byte[][] first = new byte[size][];
        for (int id = 0; id < size; id++) {
            String token = id < tokens.length ? tokens[id] : null;
            if (token != null && !special.containsKey(id)) {
                bytes[id] = steps.bytes(token, false);
                first[id] = steps.bytes(token, true);
                first[id] = Arrays.equals(first[id], bytes[id]) ? bytes[id] : first[id];
            }
        }
        return new Vocabulary(bytes, first, special, endTokens);
    }

    private static int[] byteOfLetter() {
        int[] byteOf = new int[512];
        Arrays.fill(byteOf, -1);
        int other = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            byteOf[printable ? b : other++] = b;
        }
        return byteOf;
    }

    /** The decoder's steps, as far as they concern one token. */
    private static final class Steps {
        private final String file;
        private final List<String[]> replacements = new ArrayList<>();
        private boolean byteLevel;
        private boolean byteFallback;
        private boolean fused;
        private boolean dropsFirstSpace;
        private String mark = "";
        private boolean dropsFirstMarks;

        Steps(String file, JsonNode decoder) {
            this.file = file;
            add(decoder);
        }

        private void add(JsonNode step) {
            String type = step.path("type").asText("none");
            boolean known = !byteLevel;
            switch (type) {
                case "Sequence" -> step.path("decoders").forEach(this::add);
                case "ByteLevel" -> {
                    known = replacements.isEmpty() && !byteFallback && !fused && mark.isEmpty();
                    byteLevel = true;
                }
                case "ByteFallback" -> {
                    known &= !fused;
                    byteFallback = true;
                }
                case "Fuse" -> fused = true;
                case "Replace" -> {
                    JsonNode pattern = step.path("pattern").path("String");
                    known &= pattern.isTextual() && !pattern.textValue().isEmpty() && !fused && !byteFallback;
                    replacements.add(
                            new String[] {pattern.asText(), step.path("content").asText()});
                }
                case "Strip" -> {
                    int start = step.path("start").asInt();
                    known &= fused
                            && start <= 1
                            && step.path("stop").asInt() == 0
                            && step.path("content").asText().equals(" ");
                    dropsFirstSpace |= start == 1;
                }
                case "Metaspace" -> {
                    known &= !fused && !byteFallback && mark.isEmpty();
                    mark = step.path("replacement").asText("▁");
                    dropsFirstMarks = step.has("prepend_scheme")
                            ? !step.get("prepend_scheme").asText().equals("never")
                            : step.path("add_prefix_space").asBoolean(true);
                }
                default -> known = false;
            }
            if (!known) {
                throw UserError.of(
                        "constraints are not supported with the decoder of " + file,
                        type,
                        "its tokens' text depends on their neighbours; use a model with another tokenizer, or leave the constraint out");
            }
        }

        byte[] bytes(String token, boolean first) {
            if (byteLevel) {
                return byteLevel(token);
            }
            String text = token;
            for (String[] replacement : replacements) {
                text = text.replace(replacement[0], replacement[1]);
            }
            if (!mark.isEmpty()) {
                text = text.replace(mark, first && dropsFirstMarks ? "" : " ");
            }
            byte[] bytes = byteFallback && text.matches("<0x[0-9A-Fa-f]{2}>")
                    ? new byte[] {(byte) Integer.parseInt(text.substring(3, 5), 16)}
                    : text.getBytes(StandardCharsets.UTF_8);
            return first && dropsFirstSpace && bytes.length > 0 && bytes[0] == ' '
                    ? Arrays.copyOfRange(bytes, 1, bytes.length)
                    : bytes;
        }

        /** Decodes GPT-2's letters; a token with any other character is plain text. */
        private static byte[] byteLevel(String token) {
            byte[] bytes = new byte[token.length()];
            for (int i = 0; i < bytes.length; i++) {
                char c = token.charAt(i);
                if (c >= BYTE_OF_LETTER.length || BYTE_OF_LETTER[c] < 0) {
                    return token.getBytes(StandardCharsets.UTF_8);
                }
                bytes[i] = (byte) BYTE_OF_LETTER[c];
            }
            return bytes;
        }
    }
}
