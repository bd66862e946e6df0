package nighttrain.executor.cache;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.ModelSpec;

/** The data that one layer keeps of a sequence between steps. Layers with equal specs share their page numbers. */
public sealed interface CacheSpec extends Serializable {
    /**
     * Keys and values of every token, in pages.
     *
     * @param kvHeads key and value heads, of all tracks and ranks: a head that several ranks hold counts once for each
     * @param headDim width of a head
     * @param window how many of the latest positions a token sees, itself included; 0 is all
     * @param elementBytes bytes of a number that the device computes with
     * @param format format of keys and values
     */
    record PagedKv(int kvHeads, int headDim, int window, int elementBytes, KvFormat format) implements CacheSpec {
        /** Keeps keys and values in the numbers that the device computes with. */
        public PagedKv(int kvHeads, int headDim, int window, int elementBytes) {
            this(kvHeads, headDim, window, elementBytes, KvFormat.PLAIN);
        }

        /** Returns the bytes that one token takes in one layer, over all ranks. */
        long bytesPerToken() {
            return 2L * kvHeads * format.headBytes(headDim, elementBytes);
        }

        /** The first position that the token at {@code position}, or any after it, sees. */
        int firstVisible(int position) {
            return window == 0 ? 0 : Math.max(0, position - window + 1);
        }

        /** Returns the most pages that one sequence of {@code tokens} tokens holds, if a step computes at most {@code chunk} of them. */
        int pages(int tokens, int chunk, int pageTokens) {
            int all = pagesFor(tokens, pageTokens);
            long seen = window - 1L + chunk;
            return window == 0 || seen >= tokens ? all : Math.min(all, pagesFor((int) seen, pageTokens) + 1);
        }

        /** Pages that {@code tokens} tokens fill; the last may be filled in part. */
        public static int pagesFor(int tokens, int pageTokens) {
            return (int) ((tokens - 1L + pageTokens) / pageTokens);
        }
    }

    /**
     * A state of fixed size per sequence, in a slot.
     *
     * @param bytes bytes of one layer's state, over all ranks: a part that several ranks hold counts once for each
     */
    record RecurrentState(long bytes) implements CacheSpec {}

    /**
     * Returns the specs of a model's layers, layer by layer.
     *
     * @param ranks number of ranks that share the layers
     * @param elementBytes bytes of a number that the devices compute with
     * @param maxModelLen tokens of the longest sequence: a window of at least this size counts as none
     */
    static List<CacheSpec> of(ModelSpec model, int ranks, int elementBytes, int maxModelLen) {
        return model.layers().stream()
                .map(layer -> of(layer.mixer(), model, ranks, elementBytes, maxModelLen))
                .toList();
    }

    /** Returns the bytes that one token takes in the pages of all layers and ranks; parameters as for {@link #of}. */
    static long bytesPerToken(ModelSpec model, int ranks, int elementBytes) {
        return of(model, ranks, elementBytes, model.maxPositions()).stream()
                .mapToLong(spec -> spec instanceof PagedKv paged ? paged.bytesPerToken() : 0)
                .sum();
    }

    private static CacheSpec of(Mixer mixer, ModelSpec model, int ranks, int elementBytes, int maxModelLen) {
        return mixer instanceof Attention attention
                ? new PagedKv(
                        model.hasTracks()
                                ? model.trackCount() * attention.kvHeads()
                                : Math.max(ranks, attention.kvHeads()),
                        attention.headDim(),
                        attention.window() >= maxModelLen ? 0 : attention.window(),
                        elementBytes,
                        model.kvFormat())
                : new RecurrentState(model.trackCount()
                        * mixer.stateElements(model.hasTracks() ? 1 : ranks)
                        * model.states().bytes());
    }
}
