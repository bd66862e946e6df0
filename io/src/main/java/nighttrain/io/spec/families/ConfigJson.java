package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.io.spec.Mlp.Activation;

/**
 * Typed access to the keys of a {@code config.json}; every fault names key, file, value and what is allowed. It records which keys were read: a key
 * that a family does not read has no effect on its model.
 */
final class ConfigJson {
    /** Larger than any model's size; keeps products of two sizes within a long. */
    static final int MAX_SIZE = 1 << 30;

    /** Most layers, tracks or lanes: each has objects of its own. */
    private static final int MAX_PARTS = 1024;

    private final ObjectNode node;
    private final String file;
    private final Set<String> asked = new HashSet<>();

    ConfigJson(ObjectNode node, String file) {
        this.node = node;
        this.file = file;
    }

    ObjectNode node() {
        return node;
    }

    /** The name of the file in errors. */
    String file() {
        return file;
    }

    /** Whether the key exists and is not null. */
    boolean has(String key) {
        asked.add(key);
        return node.hasNonNull(key);
    }

    /** Whether the key has been read. */
    boolean wasAsked(String key) {
        return asked.contains(key);
    }

    /** Whether the key exists and is null, which may differ in meaning from its absence. */
    boolean isExplicitNull(String key) {
        return node.has(key) && !has(key);
    }

    /** Returns an integer of either sign; {@code absent} where the key is missing or null. */
    int integer(String key, int absent) {
        if (!has(key)) {
            return absent;
        }
        if (!node.get(key).isInt()) {
            throw bad(key, "an integer");
        }
        return node.get(key).intValue();
    }

    /** Returns a size that has no default. */
    int requiredSize(String key) {
        if (!has(key)) {
            throw UserError.of("missing key in " + file, key, "an integer from 1 to " + MAX_SIZE + "; add it");
        }
        return size(key, 0);
    }

    /** Returns a size of at least 1; {@code absent} where the key is missing or null. */
    int size(String key, int absent) {
        if (!has(key)) {
            return absent;
        }
        JsonNode value = node.get(key);
        if (!value.isIntegralNumber()
                || !value.canConvertToInt()
                || value.intValue() < 1
                || value.intValue() > MAX_SIZE) {
            throw bad(key, "an integer from 1 to " + MAX_SIZE);
        }
        return value.intValue();
    }

    /** Like {@link #requiredSize}, for a number of parts that each have objects of their own. */
    int requiredParts(String key) {
        int parts = requiredSize(key);
        if (parts > MAX_PARTS) {
            throw bad(key, "an integer from 1 to " + MAX_PARTS);
        }
        return parts;
    }

    /** Returns a finite number above 0; {@code absent} where the key is missing or null. */
    double positive(String key, double absent) {
        if (!has(key)) {
            return absent;
        }
        JsonNode value = node.get(key);
        if (!value.isNumber() || !(value.doubleValue() > 0) || Double.isInfinite(value.doubleValue())) {
            throw bad(key, "a number above 0");
        }
        return value.doubleValue();
    }

    /** Returns a finite number above 0 that has no default. */
    double requiredPositive(String key) {
        if (!has(key)) {
            throw UserError.of("missing key in " + file, key, "a number above 0; add it");
        }
        return positive(key, 0);
    }

    /** Returns {@code count} finite numbers above 0 that have no default. */
    List<Double> requiredPositives(String key, int count) {
        String expected = "a list of " + count + " numbers above 0";
        if (!has(key)) {
            throw UserError.of("missing key in " + file, key, expected + "; add it");
        }
        List<Double> numbers = new ArrayList<>();
        node.get(key).forEach(element -> numbers.add(element.asDouble()));
        if (numbers.size() != count || numbers.stream().anyMatch(x -> !(x > 0) || x.isInfinite())) {
            throw bad(key, expected);
        }
        return List.copyOf(numbers);
    }

    boolean flag(String key, boolean absent) {
        if (!has(key)) {
            return absent;
        }
        if (!node.get(key).isBoolean()) {
            throw bad(key, "true or false");
        }
        return node.get(key).booleanValue();
    }

    String text(String key, String absent) {
        if (!has(key)) {
            return absent;
        }
        if (!node.get(key).isTextual()) {
            throw bad(key, "a string");
        }
        return node.get(key).textValue();
    }

    /** Returns a string for each of {@code layers} layers; empty where the key is missing or null. */
    Optional<List<String>> textPerLayer(String key, int layers) {
        if (!has(key)) {
            return Optional.empty();
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode element : node.get(key)) {
            texts.add(element.asText());
        }
        if (!node.get(key).isArray()) {
            throw bad(key, "a list of strings");
        }
        if (texts.size() != layers) {
            throw UserError.of(
                    "bad " + key + " in " + file,
                    texts.size() + " entries",
                    "one per layer, " + layers + "; correct it");
        }
        return Optional.of(texts);
    }

    /** Returns the numbers, from 0, of some of {@code layers} layers; empty where the key is missing or null. */
    Optional<Set<Integer>> layerNumbers(String key, int layers) {
        Optional<List<Integer>> numbers = integers(key);
        if (numbers.stream().flatMap(List::stream).anyMatch(layer -> layer < 0 || layer >= layers)) {
            throw bad(key, "numbers of layers, from 0 to " + (layers - 1));
        }
        return numbers.map(Set::copyOf);
    }

    /** Returns a list of integers; empty where the key is missing or null. */
    Optional<List<Integer>> integers(String key) {
        if (!has(key)) {
            return Optional.empty();
        }
        List<Integer> integers = new ArrayList<>();
        for (JsonNode element : node.get(key)) {
            integers.add(element.isInt() ? element.intValue() : null);
        }
        if (!node.get(key).isArray() || integers.contains(null)) {
            throw bad(key, "a list of integers");
        }
        return Optional.of(integers);
    }

    /** Returns an inner object; empty where the key is missing, null or {@code {}}. */
    Optional<ConfigJson> object(String key) {
        if (!has(key)) {
            return Optional.empty();
        }
        if (!(node.get(key) instanceof ObjectNode object)) {
            throw bad(key, "a JSON object");
        }
        return object.isEmpty() ? Optional.empty() : Optional.of(new ConfigJson(object, key + " of " + file));
    }

    /** Returns the activation that the key names, which must be SiLU. */
    Activation silu(String key) {
        return switch (text(key, "silu")) {
            case "silu", "swish" -> Activation.SILU;
            default -> throw unsupported(key, "only silu is supported; choose another model");
        };
    }

    /** Returns the activation that the key names, which must be GELU in its tanh form. */
    Activation gelu(String key) {
        return switch (text(key, "gelu_new")) {
            case "gelu_new", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
            default -> throw unsupported(key, "only gelu_new is supported; choose another model");
        };
    }

    /** Returns the error {@code bad KEY in FILE: VALUE (limit; correct it)}. */
    UserError bad(String key, String limit) {
        return UserError.of("bad " + key + " in " + file, node.get(key), limit + "; correct it");
    }

    /** Returns the error {@code unsupported KEY in FILE: VALUE (hint)}, for a valid value that no engine here supports. */
    UserError unsupported(String key, String hint) {
        return UserError.of("unsupported " + key + " in " + file, node.get(key), hint);
    }
}
