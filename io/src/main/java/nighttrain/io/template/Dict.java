package nighttrain.io.template;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Tuple;

/** Maps whose keys are Python's: 1, 1.0 and True are one key. */
final class Dict {
    private Dict() {}

    /** The value of a key, or {@link Scope#MISSING}. */
    static Object get(Map<?, ?> map, Object key) {
        Object found = existing(map, key);
        return found == Scope.MISSING ? found : map.get(found);
    }

    static void put(Map<Object, Object> map, Object key, Object value) {
        Object found = existing(map, key);
        RenderBudget.checkEntries(found == Scope.MISSING ? map.size() + 1L : 0);
        map.put(found == Scope.MISSING ? key : found, value);
    }

    private static Object existing(Map<?, ?> map, Object key) {
        if (key instanceof String) {
            return map.containsKey(key) ? key : Scope.MISSING;
        }
        checkHashable(key);
        for (Object other : map.keySet()) {
            RenderBudget.count();
            if (Python.same(other, key)) {
                return other;
            }
        }
        return Scope.MISSING;
    }

    static void checkHashable(Object key) {
        if (key instanceof List || key instanceof Map || key instanceof Values.View) {
            throw new TemplateError("unhashable type: '" + Python.type(key) + "'");
        }
        if (key instanceof Tuple tuple) {
            tuple.items().forEach(Dict::checkHashable);
        }
    }

    /** {@code dict(...)}: from a map or pairs, and named arguments. */
    static Map<Object, Object> of(Arguments arguments) {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (arguments.positional().size() > 1) {
            throw new TemplateError("dict expected at most 1 argument, got "
                    + arguments.positional().size());
        }
        for (Object from : arguments.positional()) {
            if (from instanceof Map<?, ?> other) {
                other.forEach((key, value) -> put(map, key, value));
            } else {
                if (from instanceof Namespace) {
                    throw new TemplateError("'Namespace' object is not iterable");
                }
                Python.iterator(from).forEachRemaining(pair -> {
                    List<Object> two = Python.list(pair);
                    if (two.size() != 2) {
                        throw new TemplateError(
                                "dictionary update sequence element has length " + two.size() + "; 2 is required");
                    }
                    put(map, two.get(0), two.get(1));
                });
            }
        }
        arguments.named().forEach((key, value) -> put(map, key, value));
        return map;
    }
}
