package nighttrain.io.checkpoint;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec.Spelling;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.TensorSpec.Stacked;

/** What is wrong with the tensors of a checkpoint by its config: one is missing, has another shape, or is read by nothing. */
final class TensorChecks {
    private static final String WAY_OUT = "; config.json and weights do not belong together; copy both again";

    /** Up to the first number: a layer, or a track. */
    private static final Pattern LAYER = Pattern.compile("(?:.*?\\.)?\\d+\\.");

    /** Buffers that old versions of transformers saved, and scales of an 8-bit KV cache, which a cache of 16 bits does without. */
    private static final Pattern HARMLESS = Pattern.compile(
            ".*(rotary_emb\\.inv_freq|rotary_emb\\.(cos|sin)_cached|\\.attn\\.(masked_)?bias|\\.[kvq]_scale|_extra_state)");

    private TensorChecks() {}

    static UserError missing(String where, String name, long... expectedShape) {
        return UserError.of(
                "missing tensor in " + where, name, "expected shape " + Arrays.toString(expectedShape) + WAY_OUT);
    }

    static void checkShape(String where, CheckpointTensor tensor, long... expectedShape) {
        List<Long> expected = Arrays.stream(expectedShape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw UserError.of(
                    "wrong shape of tensor " + tensor.name() + " in " + where,
                    tensor.shape(),
                    "expected " + expected + WAY_OUT);
        }
    }

    /**
     * The first tensor, by name, that belongs to a part of the model and is not read: a bias, a norm, an adapter that config.json does not
     * speak of. Leaving one out changes every answer. Tensors of other parts (vision towers, layers beyond the last) are nobody's.
     *
     * @param stored names of all tensors of the checkpoint
     * @param read those that are read, as its spec names them
     * @param spare names that may be there unread
     */
    static Optional<String> firstUnread(
            Collection<String> stored, Collection<TensorSpec> read, Spelling spelling, Set<String> spare) {
        Set<String> names = read.stream()
                .map(tensor -> spelling.of(Stacked.whole(tensor.name())))
                .collect(Collectors.toSet());
        Set<String> parts = names.stream().map(TensorChecks::part).collect(Collectors.toSet());
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
