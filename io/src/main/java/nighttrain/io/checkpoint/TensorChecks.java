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

/** Checks the tensors of a checkpoint against its config: a tensor may be missing, have another shape, or be unread. */
final class TensorChecks {
    private static final String WAY_OUT = "; config.json and weights do not belong together; copy both again";

    /** Matches a name up to its first number: a layer, or a track. */
    private static final Pattern LAYER = Pattern.compile("(?:.*?\\.)?\\d+\\.");

    /** Buffers that old versions of transformers saved, and scales of an 8-bit KV cache, which the engine does not use. */
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
     * Returns the first tensor, by name, that belongs to a module of the model and is unread: a bias, a norm or an adapter that config.json does not
     * mention. Leaving one out would change every answer. Tensors of other modules (vision towers, layers beyond the last) are ignored.
     *
     * @param stored names of all tensors of the checkpoint
     * @param read tensors that are read, as the spec names them
     * @param spare names of tensors that may be unread
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

    /** Returns the layer of a tensor, or its module where it belongs to no layer. */
    private static String part(String name) {
        Matcher layer = LAYER.matcher(name);
        return layer.lookingAt() ? layer.group() : name.substring(0, name.lastIndexOf('.') + 1);
    }
}
