package nighttrain.io.text;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/** Converts text to token ids and back, by a model's {@code tokenizer.json}. Safe for use by several threads. */
public final class Tokenizer implements AutoCloseable {
    private final NativeTokenizer tokenizer;
    private final Path file;
    private final int vocabSize;
    private final Map<Integer, String> specialTokens;
    private final Set<Integer> endTokens;
    private final Map<Integer, String> texts = new ConcurrentHashMap<>();

    private Tokenizer(NativeTokenizer tokenizer, Path file, TokenizerFile parsed, Set<Integer> endTokens) {
        this.tokenizer = tokenizer;
        this.file = file;
        this.vocabSize = parsed.vocabSize();
        this.specialTokens = parsed.specialTokens();
        this.endTokens = endTokens;
    }

    /**
     * Opens the tokenizer of a model directory.
     *
     * @throws UserError where {@code tokenizer.json} is missing or broken
     */
    public static Tokenizer open(Path modelDir) {
        Path file = modelDir.resolve("tokenizer.json");
        byte[] json = JsonFile.bytes(file);
        if (json.length == 0) {
            throw UserError.of("empty file", file, "a tokenizer is expected; copy the file again");
        }
        TokenizerFile parsed = TokenizerFile.parse(json, file.toString());
        NativeTokenizer tokenizer = NativeTokenizer.of(json, file.toString());
        try {
            Set<Integer> endTokens = EndTokens.of(modelDir, text -> idOf(text, parsed, tokenizer));
            return new Tokenizer(tokenizer, file, parsed, endTokens);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private static Optional<Integer> idOf(String token, TokenizerFile parsed, NativeTokenizer tokenizer) {
        if (parsed.addedTokens().containsKey(token)) {
            return Optional.of(parsed.addedTokens().get(token));
        }
        int[] ids = tokenizer.encode(token, false);
        return ids.length == 1 ? Optional.of(ids[0]) : Optional.empty();
    }

    /**
     * Returns the token ids of a text; {@code addSpecialTokens} adds the special tokens that the model expects around it (begin of text, for most).
     * Special tokens written in the text are recognised either way. Unpaired surrogates count as U+FFFD.
     */
    public int[] encode(String text, boolean addSpecialTokens) {
        return tokenizer.encode(text, addSpecialTokens);
    }

    /** Returns the text of token ids; special tokens are left out, and bytes that form no character become U+FFFD. */
    public String decode(int[] ids) {
        return tokenizer.decode(ids, 0, ids.length);
    }

    /**
     * Returns the text of one token as it is within a text: with its leading space, which is left out where a text begins; a special token's name.
     */
    public String text(int id) {
        return texts.computeIfAbsent(id, this::textWithin);
    }

    private String textWithin(int id) {
        String begin = decode(new int[] {id});
        String twice = decode(new int[] {id, id});
        // The second occurrence, unless the end of one and the beginning of the other are the bytes of a character.
        String text = twice.startsWith(begin) ? twice.substring(begin.length()) : begin;
        return specialTokens.getOrDefault(id, text);
    }

    /** Returns a decoder for one generation, token by token. */
    public StreamingDecoder newDecoder() {
        return new StreamingDecoder(tokenizer::decode);
    }

    /** Returns a watcher of one generation for {@code stops}: texts that may contain special tokens. */
    public StopStrings newStopStrings(List<String> stops) {
        return new StopStrings(newDecoder(), stops, specialTokens);
    }

    /** Returns the tokens that end a text: those of generation_config.json, config.json and tokenizer_config.json together. */
    public Set<Integer> endTokens() {
        return endTokens;
    }

    /** Number of token ids, added tokens included: one more than the largest. */
    public int vocabSize() {
        return vocabSize;
    }

    /**
     * Returns the bytes of every token. It reads the file again, as few jobs need them.
     *
     * @throws UserError where a token's text depends on its neighbours
     */
    public Vocabulary vocabulary() {
        return VocabularyFile.read(JsonFile.bytes(file), file.toString(), vocabSize, endTokens);
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
