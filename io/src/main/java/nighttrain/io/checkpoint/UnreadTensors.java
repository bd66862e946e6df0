package nighttrain.io.checkpoint;

import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import nighttrain.io.spec.Spelling;
import nighttrain.io.spec.TensorSpec;

/**
 * Tensors of a checkpoint that belong to a part of the model and are not read: a bias, a norm, an adapter that config.json does not
 * speak of. Leaving one out changes every answer. Tensors of other parts (vision towers, layers beyond the last) are nobody's.
 */
final class UnreadTensors {
    /** Up to the first number: a layer, or a track. */
    private static final Pattern LAYER = Pattern.compile("(?:.*?\\.)?\\d+\\.");

    /** Buffers that old versions of transformers saved, and scales of an 8-bit KV cache, which a cache of 16 bits does without. */
    private static final Pattern HARMLESS = Pattern.compile(
            ".*(rotary_emb\\.inv_freq|rotary_emb\\.(cos|sin)_cached|\\.attn\\.(masked_)?bias|\\.[kvq]_scale|_extra_state)");

    private UnreadTensors() {}

    /**
     * The first by name.
     *
     * @param stored names of all tensors of the checkpoint
     * @param read those that are read, as its spec names them
     * @param spare names that may be there unread
     */
    static Optional<String> first(
            Collection<String> stored, Collection<TensorSpec> read, Spelling spelling, Set<String> spare) {
        Set<String> names =
                read.stream().map(tensor -> spelling.of(tensor.name())).collect(Collectors.toSet());
        Set<String> parts = names.stream().map(UnreadTensors::part).collect(Collectors.toSet());
        return stored.stream()
                .filter(name -> !names.contains(name) && !spare.contains(name))
                .filter(name ->
                        parts.contains(part(name)) && !HARMLESS.matcher(name).matches())
                .sorted()
                .findFirst();
    }

    /** The layer that a tensor is of, else its module. */
    private static String part(String name) {
        Matcher layer = LAYER.matcher(name);
        return layer.lookingAt() ? layer.group() : name.substring(0, name.lastIndexOf('.') + 1);
    }
}
