package nighttrain.pipeline.testing;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes a model directory without weights. Every byte of UTF-8 is a token; id 256 ends a text. */
public final class TinyModel {
    public static final int CONTEXT_TOKENS = 64;
    public static final int END_TOKEN = 256;

    /** A special token that by itself does not end a text. */
    static final int TURN_TOKEN = 257;

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Integer> SIZES = Map.of(
            "hidden_size", 16,
            "intermediate_size", 32,
            "num_hidden_layers", 2,
            "num_attention_heads", 2,
            "num_key_value_heads", 1,
            "head_dim", 8,
            "num_tracks", 2);

    private TinyModel() {}

    /** Writes a model with a context of {@link #CONTEXT_TOKENS}. */
    public static Path in(Path dir) {
        return in(dir, CONTEXT_TOKENS);
    }

    /** Writes a model with a context of this many tokens. */
    public static Path in(Path dir, int contextTokens) {
        try {
            Files.createDirectories(dir);
            write(dir, "config.json", config(contextTokens));
            write(dir, "tokenizer.json", tokenizer());
            write(dir, "tokenizer_config.json", Map.of("chat_template", chatTemplate(), "eos_token", "<|end|>"));
            write(dir, "generation_config.json", Map.of("eos_token_id", END_TOKEN));
            return dir;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Replaces the model's config by one with a layer that keeps a state, as in Qwen 3.5. */
    public static void ofStates(Path dir) {
        Map<String, Object> config = config(CONTEXT_TOKENS);
        config.put("model_type", "qwen3_5_text");
        config.put("head_dim", 8);
        config.put("layer_types", List.of("linear_attention"));
        config.put("linear_conv_kernel_dim", 4);
        config.put("linear_num_key_heads", 2);
        config.put("linear_num_value_heads", 2);
        config.put("linear_key_head_dim", 8);
        config.put("linear_value_head_dim", 8);
        try {
            write(dir, "config.json", config);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes a model with the architecture and the tokenizer of {@code model}, and tiny dimensions. */
    public static Path like(Path model, Path dir) {
        try {
            Files.createDirectories(dir);
            for (String file : List.of("tokenizer.json", "tokenizer_config.json", "generation_config.json")) {
                Files.copy(model.resolve(file), dir.resolve(file));
            }
            Map<String, Object> config =
                    JSON.readValue(model.resolve("config.json").toFile(), new TypeReference<>() {});
            config.putAll(SIZES);
            write(dir, "config.json", config);
            return dir;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(Path dir, String name, Map<String, ?> content) throws IOException {
        Files.writeString(dir.resolve(name), JSON.writeValueAsString(content));
    }

    private static String chatTemplate() {
        return "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}";
    }

    private static Map<String, Object> config(int contextTokens) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("model_type", "llama");
        config.put("num_hidden_layers", 1);
        config.put("hidden_size", 16);
        config.put("intermediate_size", 32);
        config.put("num_attention_heads", 2);
        config.put("num_key_value_heads", 1);
        config.put("vocab_size", TURN_TOKEN + 1);
        config.put("max_position_embeddings", contextTokens);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10000.0);
        config.put("tie_word_embeddings", true);
        return config;
    }

    private static Map<String, ?> tokenizer() {
        Map<String, Object> byteLevel =
                Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex", true);
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("type", "BPE");
        model.put("vocab", byteVocab());
        model.put("merges", List.of());
        Map<String, Object> tokenizer = new LinkedHashMap<>();
        tokenizer.put("version", "1.0");
        tokenizer.put("truncation", null);
        tokenizer.put("padding", null);
        tokenizer.put("added_tokens", List.of(special(END_TOKEN, "<|end|>"), special(TURN_TOKEN, "<|im_end|>")));
        tokenizer.put("normalizer", null);
        tokenizer.put("pre_tokenizer", byteLevel);
        tokenizer.put("post_processor", null);
        tokenizer.put("decoder", byteLevel);
        tokenizer.put("model", model);
        return tokenizer;
    }

    private static Map<String, Object> special(int id, String text) {
        Map<String, Object> token = new LinkedHashMap<>();
        token.put("id", id);
        token.put("content", text);
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
            token.put(flag, false);
        }
        token.put("special", true);
        return token;
    }

    /** Returns GPT-2's printable characters for the 256 bytes: token id = byte. */
    private static Map<String, Integer> byteVocab() {
        Map<String, Integer> vocab = new LinkedHashMap<>();
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
            vocab.put(String.valueOf((char) (printable ? b : next++)), b);
        }
        return vocab;
    }
}
