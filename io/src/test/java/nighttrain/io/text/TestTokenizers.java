package nighttrain.io.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes small tokenizers of the two kinds that language models have: bytes as letters (GPT-2), and bytes as a fallback (Llama 2). */
public final class TestTokenizers {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private TestTokenizers() {}

    /**
     * Writes a tokenizer in which every byte is a token with the byte's value as id; then 256 {@code <|begin|>}, 257 {@code <|end|>} (both special),
     * and merged tokens from 258. It begins every text with {@code <|begin|>} when asked for special tokens.
     */
    public static Path byteLevel(Path dir, String... merged) {
        ObjectNode vocab = JSON.objectNode();
        for (int value = 0; value < 256; value++) {
            vocab.put(letter(value), value);
        }
        vocab.put("<|begin|>", 256).put("<|end|>", 257);
        int[] next = {258};
        ArrayNode merges = JSON.arrayNode();
        for (String token : merged) {
            addMerges(token.getBytes(StandardCharsets.UTF_8), vocab, merges, next);
        }
        ObjectNode json = tokenizer(vocab, merges, false, List.of("<|begin|>", "<|end|>"), 256);
        json.set("pre_tokenizer", byteLevelPart());
        json.set("decoder", byteLevelPart());
        json.set("post_processor", beginsWith("<|begin|>", 256));
        return write(dir, json);
    }

    // One merge per byte added: "ab", "abc", ...
    private static void addMerges(byte[] bytes, ObjectNode vocab, ArrayNode merges, int[] next) {
        String left = letter(bytes[0]);
        for (int i = 1; i < bytes.length; i++) {
            String right = letter(bytes[i]);
            if (!vocab.has(left + right)) {
                vocab.put(left + right, next[0]++);
                merges.add(JSON.arrayNode().add(left).add(right));
            }
            left += right;
        }
    }

    /**
     * Writes a tokenizer with these ids: 0 {@code <unk>}, 1 {@code <s>}, 2 {@code </s>}, 3 to 258 the bytes, then these pieces, in which {@code ▁} is
     * a space.
     */
    public static Path byteFallback(Path dir, String... pieces) {
        ObjectNode vocab = JSON.objectNode();
        vocab.put("<unk>", 0).put("<s>", 1).put("</s>", 2);
        for (int value = 0; value < 256; value++) {
            vocab.put(String.format("<0x%02X>", value), 3 + value);
        }
        for (String piece : pieces) {
            vocab.put(piece, vocab.size());
        }
        ObjectNode json = tokenizer(vocab, JSON.arrayNode(), true, List.of("<unk>", "<s>", "</s>"), 0);
        ArrayNode normalizers = JSON.arrayNode()
                .add(JSON.objectNode().put("type", "Prepend").put("prepend", "▁"))
                .add(replace(" ", "▁"));
        json.set("normalizer", JSON.objectNode().put("type", "Sequence").set("normalizers", normalizers));
        ArrayNode decoders = JSON.arrayNode()
                .add(replace("▁", " "))
                .add(JSON.objectNode().put("type", "ByteFallback"))
                .add(JSON.objectNode().put("type", "Fuse"))
                .add(JSON.objectNode()
                        .put("type", "Strip")
                        .put("content", " ")
                        .put("start", 1)
                        .put("stop", 0));
        json.set("decoder", JSON.objectNode().put("type", "Sequence").set("decoders", decoders));
        return write(dir, json);
    }

    /** Replaces the decoder of {@link #byteFallback} by that of a model whose tokens are joined in another way. */
    public static Path withDecoder(Path dir, String decoder) {
        try {
            ObjectNode json = (ObjectNode)
                    new ObjectMapper().readTree(dir.resolve("tokenizer.json").toFile());
            json.set("decoder", new ObjectMapper().readTree(decoder));
            return write(dir, json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Adds a token with the next id. */
    public static Path withAdded(Path dir, String content, boolean special) {
        try {
            ObjectNode json = (ObjectNode)
                    new ObjectMapper().readTree(dir.resolve("tokenizer.json").toFile());
            int id = json.path("model").path("vocab").size();
            ((ObjectNode) json.path("model").path("vocab")).put(content, id);
            ((ArrayNode) json.path("added_tokens"))
                    .addObject()
                    .put("id", id)
                    .put("content", content)
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", special);
            return write(dir, json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ObjectNode replace(String from, String to) {
        ObjectNode json = JSON.objectNode().put("type", "Replace").put("content", to);
        json.set("pattern", JSON.objectNode().put("String", from));
        return json;
    }

    private static ObjectNode tokenizer(
            ObjectNode vocab, ArrayNode merges, boolean byteFallback, List<String> special, int firstSpecialId) {
        ObjectNode json = JSON.objectNode().put("version", "1.0");
        json.putNull("truncation").putNull("padding");
        ArrayNode added = json.putArray("added_tokens");
        for (int i = 0; i < special.size(); i++) {
            added.addObject()
                    .put("id", firstSpecialId + i)
                    .put("content", special.get(i))
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        ObjectNode model = json.putObject("model")
                .put("type", "BPE")
                .put("byte_fallback", byteFallback)
                .put("fuse_unk", true);
        model.put("unk_token", byteFallback ? "<unk>" : null);
        model.set("vocab", vocab);
        model.set("merges", merges);
        return json;
    }

    private static ObjectNode byteLevelPart() {
        return JSON.objectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", false);
    }

    private static ObjectNode beginsWith(String token, int id) {
        ObjectNode json = JSON.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = json.putArray("single");
        single.addObject().putObject("SpecialToken").put("id", token).put("type_id", 0);
        single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
        json.putArray("pair");
        ObjectNode special = json.putObject("special_tokens").putObject(token).put("id", token);
        special.putArray("ids").add(id);
        special.putArray("tokens").add(token);
        return json;
    }

    /** Returns GPT-2's letter for a byte: printable bytes stand for themselves, the others are letters from 256 on. */
    private static String letter(int value) {
        int other = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
            int letter = printable ? b : other++;
            if (b == (value & 0xff)) {
                return Character.toString(letter);
            }
        }
        throw new IllegalStateException("no byte: " + value);
    }

    private static Path write(Path dir, ObjectNode json) {
        try {
            Files.createDirectories(dir);
            Files.writeString(dir.resolve("tokenizer.json"), json.toString());
            return dir;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
