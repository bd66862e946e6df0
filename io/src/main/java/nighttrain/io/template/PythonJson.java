package nighttrain.io.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code tojson} as transformers defines it: Python's {@code json.dumps} with these four parameters. */
final class PythonJson {
    private final StringBuilder json = new StringBuilder();
    private final boolean ascii;
    private final String indent;
    private final String itemSeparator;
    private final String keySeparator;
    private final boolean sorted;

    private PythonJson(boolean ascii, Object indent, Object separators, boolean sorted) {
        this.ascii = ascii;
        this.sorted = sorted;
        this.indent = indent == null
                ? null
                : Text.is(indent) ? Text.of(indent) : Text.repeat(" ", Numbers.index(indent, "indent"));
        if (separators == null) {
            itemSeparator = this.indent == null ? ", " : ",";
            keySeparator = ": ";
        } else {
            List<Object> two = Python.list(separators);
            if (two.size() != 2 || !Text.is(two.get(0)) || !Text.is(two.get(1))) {
                throw new TemplateError("separators of tojson: two texts are needed");
            }
            itemSeparator = Text.of(two.get(0));
            keySeparator = Text.of(two.get(1));
        }
    }

    static String dumps(Object value, Arguments arguments) {
        Object[] bound = arguments.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        PythonJson writer = new PythonJson(
                bound[0] != Scope.MISSING && Python.truth(bound[0]),
                bound[1] == Scope.MISSING ? null : bound[1],
                bound[2] == Scope.MISSING ? null : bound[2],
                bound[3] != Scope.MISSING && Python.truth(bound[3]));
        writer.value(value, 1);
        RenderBudget.checkChars(writer.json.length());
        return writer.json.toString();
    }

    private void value(Object value, int depth) {
        RenderBudget.count();
        if (json.length() > RenderBudget.MAX_CHARS) {
            RenderBudget.checkChars(json.length());
        }
        if (value == null) {
            json.append("null");
        } else if (Text.is(value)) {
            text(Text.of(value));
        } else if (Numbers.is(value)) {
            json.append(number(value));
        } else if (value instanceof Map<?, ?> map) {
            object(map, depth);
        } else if (value instanceof List || Python.isTuple(value)) {
            array(value instanceof List<?> list ? list : Python.tuple(value), depth);
        } else {
            throw new TemplateError("Object of type " + Values.type(value) + " is not JSON serializable");
        }
    }

    private static String number(Object value) {
        if (value instanceof Double real) {
            return real.isNaN()
                    ? "NaN"
                    : real.isInfinite() ? (real > 0 ? "Infinity" : "-Infinity") : Numbers.repr(real);
        }
        return value instanceof Boolean ? value.toString() : Numbers.decimal(value);
    }

    private void object(Map<?, ?> map, int depth) {
        Map<?, ?> ordered = map;
        if (sorted) {
            List<Object> keys = new ArrayList<>(map.keySet());
            keys.sort(Comparisons.order());
            Map<Object, Object> copy = new LinkedHashMap<>();
            keys.forEach(key -> copy.put(key, map.get(key)));
            ordered = copy;
        }
        json.append('{');
        Iterator<? extends Map.Entry<?, ?>> entries = ordered.entrySet().iterator();
        while (entries.hasNext()) {
            Map.Entry<?, ?> entry = entries.next();
            line(depth);
            text(key(entry.getKey()));
            json.append(keySeparator);
            value(entry.getValue(), depth + 1);
            json.append(entries.hasNext() ? itemSeparator : "");
        }
        end(map.isEmpty(), depth, '}');
    }

    private static String key(Object key) {
        if (Text.is(key)) {
            return Text.of(key);
        }
        if (key == null
                || key instanceof Boolean
                || key instanceof Long
                || key instanceof BigInteger
                || key instanceof Double) {
            return key == null ? "null" : number(key);
        }
        throw new TemplateError("keys must be str, int, float, bool or None, not " + Values.type(key));
    }

    private void array(List<?> list, int depth) {
        json.append('[');
        Iterator<?> elements = list.iterator();
        while (elements.hasNext()) {
            line(depth);
            value(elements.next(), depth + 1);
            json.append(elements.hasNext() ? itemSeparator : "");
        }
        end(list.isEmpty(), depth, ']');
    }

    private void end(boolean empty, int depth, char bracket) {
        if (!empty) {
            line(depth - 1);
        }
        json.append(bracket);
    }

    private void line(int depth) {
        if (indent != null) {
            RenderBudget.checkChars((long) json.length() + (long) indent.length() * depth);
            json.append('\n').append(indent.repeat(depth));
        }
    }

    private void text(String text) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> json.append("\\\"");
                case '\\' -> json.append("\\\\");
                case '\n' -> json.append("\\n");
                case '\r' -> json.append("\\r");
                case '\t' -> json.append("\\t");
                case '\b' -> json.append("\\b");
                case '\f' -> json.append("\\f");
                default -> {
                    if (c < ' ' || (ascii && c > '~')) {
                        json.append(String.format("\\u%04x", (int) c));
                    } else {
                        json.append(c);
                    }
                }
            }
        }
        json.append('"');
    }
}
