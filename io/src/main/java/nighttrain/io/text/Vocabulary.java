package nighttrain.io.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The bytes that each token adds to a decoded text; a token may contain part of a character. Tokens with text are ordered by their bytes, like the
 * branches of a trie.
 */
public final class Vocabulary {
    private final byte[][] bytes;
    private final byte[][] firstBytes;
    private final Map<Integer, byte[]> special;
    private final BitSet endTokens = new BitSet();
    private final int[] order;
    private final int[] shared;
    private final int longest;
    private final boolean firstIsSpecial;

    /**
     * @param bytes bytes of each token; null where it writes no text
     * @param firstBytes bytes of each token as the first of a text
     * @param special names of the tokens that decoded text omits
     */
    Vocabulary(byte[][] bytes, byte[][] firstBytes, Map<Integer, String> special, Set<Integer> endTokens) {
        this.bytes = bytes;
        this.firstBytes = firstBytes;
        endTokens.forEach(this.endTokens::set);
        this.special = new TreeMap<>();
        special.forEach((id, name) -> {
            if (!endTokens.contains(id)) {
                this.special.put(id, name.getBytes(StandardCharsets.UTF_8));
            }
        });
        this.order = IntStream.range(0, bytes.length)
                .filter(id -> bytes[id] != null && bytes[id].length > 0 && !endTokens.contains(id))
                .boxed()
                .sorted((a, b) -> Arrays.compareUnsigned(bytes[a], bytes[b]))
                .mapToInt(Integer::intValue)
                .toArray();
        this.shared = new int[order.length];
        for (int i = 1; i < order.length; i++) {
            int differ = Arrays.mismatch(bytes[order[i - 1]], bytes[order[i]]);
            shared[i] = differ < 0 ? bytes[order[i]].length : differ;
        }
        this.longest = Arrays.stream(order).map(id -> bytes[id].length).max().orElse(0);
        this.firstIsSpecial = Arrays.stream(order).anyMatch(id -> !Arrays.equals(bytes[id], firstBytes[id]));
    }

    /** Returns a vocabulary whose tokens write the same bytes everywhere. */
    public static Vocabulary of(byte[][] bytes, Set<Integer> endTokens) {
        return new Vocabulary(bytes, bytes, new HashMap<>(), endTokens);
    }

    /** One more than the largest token id. */
    public int size() {
        return bytes.length;
    }

    /** Returns the bytes that a token adds to a text; null where it writes no text. */
    public byte[] bytes(int token) {
        return bytes[token];
    }

    /** Returns the bytes of a token as the first of a text: some tokenizers drop a space there. */
    public byte[] firstBytes(int token) {
        return firstBytes[token];
    }

    /** Whether any token writes other bytes as the first of a text. */
    public boolean firstIsSpecial() {
        return firstIsSpecial;
    }

    /** Names of the tokens that decoded text omits, except end tokens. */
    public Map<Integer, byte[]> special() {
        return special;
    }

    public boolean isEnd(int token) {
        return endTokens.get(token);
    }

    public boolean hasEnd() {
        return !endTokens.isEmpty() && endTokens.nextSetBit(0) < bytes.length;
    }

    /** Number of tokens that write text and do not end it. */
    public int texts() {
        return order.length;
    }

    /** Returns the token at a place in the order of bytes. */
    public int inOrder(int place) {
        return order[place];
    }

    /** Returns how many of its first bytes the token at {@code place} shares with the one before it in the order. */
    public int sharedWithPrevious(int place) {
        return shared[place];
    }

    /** Length of the longest text of a token, in bytes. */
    public int longest() {
        return longest;
    }
}
