package nighttrain.io.template;

import java.util.Collection;
import java.util.Iterator;
import java.util.Map;

/** {@code tojson} as Hugging Face defines it: Python's {@code json.dumps(value, ensure_ascii=False, indent=indent)}. */
final class PythonJson {
    private final StringBuilder json = new StringBuilder();
    private final int indent;

    private PythonJson(int indent) {
        this.indent = indent;
    }

    /** The first number among the arguments is the indent; without one all is on one line. */
    static String write(Object value, PythonArguments arguments) {
        int indent = arguments.values().stream()
                .filter(Number.class::isInstance)
                .mapToInt(number -> Math.min(16, ((Number) number).intValue()))
                .findFirst()
                .orElse(-1);
        PythonJson writer = new PythonJson(indent);
        writer.value(value, 1);
        return writer.json.toString();
    }

    private void value(Object value, int depth) {
        BoundedText.checkChars(json.length());
        if (value == null || value instanceof Boolean || value instanceof Number) {
            json.append(value);
        } else if (value instanceof Map<?, ?> map) {
            object(map, depth);
        } else if (value instanceof Collection<?> collection) {
            array(collection, depth);
        } else {
            text(value.toString());
        }
    }

    private void object(Map<?, ?> map, int depth) {
        json.append('{');
        Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
        while (entries.hasNext()) {
            Map.Entry<?, ?> entry = entries.next();
            line(depth);
            text(String.valueOf(entry.getKey()));
            json.append(": ");
            value(entry.getValue(), depth + 1);
            separate(entries.hasNext());
        }
        end(map.isEmpty(), depth, '}');
    }

    private void array(Collection<?> collection, int depth) {
        json.append('[');
        Iterator<?> elements = collection.iterator();
        while (elements.hasNext()) {
            line(depth);
            value(elements.next(), depth + 1);
            separate(elements.hasNext());
        }
        end(collection.isEmpty(), depth, ']');
    }

    private void separate(boolean more) {
        if (more) {
            json.append(indent < 0 ? ", " : ",");
        }
    }

    private void end(boolean empty, int depth, char bracket) {
        if (!empty) {
            line(depth - 1);
        }
        json.append(bracket);
    }

    private void line(int depth) {
        if (indent >= 0) {
            json.append('\n').append(" ".repeat(indent * depth));
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
                default -> json.append(c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        json.append('"');
    }
}
