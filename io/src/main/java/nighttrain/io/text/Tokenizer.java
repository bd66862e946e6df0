package nighttrain.io.text;

import java.nio.file.Path;
import java.util.Set;

/** Text to token ids and back, by a model's {@code tokenizer.json}. Safe for use by several threads. */
public final class Tokenizer implements AutoCloseable {
    private Tokenizer() {}

    /**
     * Opens the tokenizer of a model directory.
     *
     * @throws nighttrain.io.UserError where {@code tokenizer.json} is missing or broken
     */
    public static Tokenizer open(Path modelDir) {
        throw new UnsupportedOperationException("not yet");
    }

    /** Token ids of a text; {@code addSpecialTokens} frames it as the model expects (begin of text, for most). */
    public int[] encode(String text, boolean addSpecialTokens) {
        throw new UnsupportedOperationException("not yet");
    }

    /** Text of token ids; special tokens are left out. */
    public String decode(int[] ids) {
        throw new UnsupportedOperationException("not yet");
    }

    /** A decoder for one generation, token by token. */
    public StreamingDecoder newDecoder() {
        throw new UnsupportedOperationException("not yet");
    }

    /** Tokens that end a text: those of generation_config.json, config.json and tokenizer_config.json together. */
    public Set<Integer> endTokens() {
        throw new UnsupportedOperationException("not yet");
    }

    /** Number of token ids, added tokens included. */
    public int vocabSize() {
        throw new UnsupportedOperationException("not yet");
    }

    @Override
    public void close() {}
}
