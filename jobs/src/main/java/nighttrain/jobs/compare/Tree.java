package nighttrain.jobs.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;

/** A map of keys in a file that people write; reports errors in one line. */
final class Tree {
    private final JsonNode node;
    private final String where;

    Tree(JsonNode node, String where) {
        this.node = node;
        this.where = where;
        if (!node.isObject() || node.isEmpty()) {
            throw UserError.of(
                    "nothing in " + where,
                    node.getNodeType().toString().toLowerCase(Locale.ROOT),
                    "keys and values are expected; see conf/compare");
        }
    }

    /** Refuses a key that is not in {@code known}. */
    void onlyKeys(List<String> known) {
        node.fieldNames().forEachRemaining(key -> {
            if (!known.contains(key)) {
                throw UserError.of(
                        "unknown key in " + where, key, "known are " + String.join(", ", known) + "; mend it");
            }
        });
    }

    boolean has(String key) {
        return node.hasNonNull(key);
    }

    Optional<String> text(String key) {
        return Optional.ofNullable(node.get(key))
                .filter(value -> !value.isNull())
                .map(value -> text(key, value));
    }

    private String text(String key, JsonNode value) {
        return checked(key, value, value.isValueNode(), "a text or a number").asText();
    }

    Optional<Boolean> truth(String key) {
        return Optional.ofNullable(node.get(key))
                .map(value ->
                        checked(key, value, value.isBoolean(), "true or false").booleanValue());
    }

    private JsonNode checked(String key, JsonNode value, boolean good, String expected) {
        if (!good) {
            throw UserError.of("bad value of " + key + " in " + where, value, expected + "; mend it");
        }
        return value;
    }

    String required(String key) {
        return text(key, needed(key));
    }

    /** Returns a list of at least one text. */
    List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        needed(key).forEach(value -> texts.add(text(key, value)));
        if (texts.isEmpty()) {
            throw UserError.of("nothing in " + where, key, "a list of at least one is expected; see conf/compare");
        }
        return texts;
    }

    Tree child(String key) {
        return new Tree(needed(key), key + " of " + where);
    }

    /** Returns a list of at least one map. */
    List<Tree> children(String key) {
        List<Tree> children = new ArrayList<>();
        needed(key).forEach(child -> children.add(new Tree(child, key + " of " + where)));
        if (children.isEmpty()) {
            throw UserError.of("nothing in " + where, key, "a list of at least one is expected; see conf/compare");
        }
        return children;
    }

    /** Returns the values as text by key, in the file's order. */
    Map<String, String> values() {
        Map<String, String> values = new LinkedHashMap<>();
        node.properties().forEach(entry -> values.put(entry.getKey(), text(entry.getKey(), entry.getValue())));
        return values;
    }

    /** Returns the keys, in the file's order. */
    List<String> keys() {
        return node.properties().stream().map(Map.Entry::getKey).toList();
    }

    private JsonNode needed(String key) {
        if (!has(key)) {
            throw UserError.of("missing in " + where, key, "see conf/compare for examples; add it");
        }
        return node.get(key);
    }
}
