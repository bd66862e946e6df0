package nighttrain.io.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Attributes;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Generator;
import nighttrain.io.template.Values.Group;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;
import nighttrain.io.template.Values.View;

/** Python's operations on one value: truth, {@code str}, {@code repr}, {@code len}, {@code iter}. */
final class Python {
    private Python() {}

    static boolean truth(Object value) {
        if (value instanceof Boolean bool) {
            return bool;
        }
        if (value == null) {
            return false;
        }
        if (value instanceof String text) {
            return !text.isEmpty();
        }
        if (value instanceof Long number) {
            return number != 0;
        }
        if (value instanceof Double number) {
            return number != 0;
        }
        int length = lengthOrNone(value);
        return length != 0;
    }

    /** Returns {@code len}, or -1 where a value has none. */
    static int lengthOrNone(Object value) {
        if (Text.is(value)) {
            return Text.length(Text.of(value));
        }
        if (value instanceof List<?> list) {
            return list.size();
        }
        if (value instanceof Map<?, ?> map) {
            return map.size();
        }
        if (value instanceof Tuple tuple) {
            return tuple.items().size();
        }
        if (value instanceof Group) {
            return 2;
        }
        if (value instanceof Range range) {
            return range.length();
        }
        if (value instanceof View view) {
            return view.map().size();
        }
        if (value instanceof Undefined) {
            return 0;
        }
        return value instanceof Attributes object ? object.length() : -1;
    }

    static long length(Object value) {
        int length = lengthOrNone(value);
        if (length < 0) {
            throw new TemplateError("object of type '" + Values.type(value) + "' has no len()");
        }
        return length;
    }

    static boolean isSequence(Object value) {
        return lengthOrNone(value) >= 0 && !(value instanceof View) && !(value instanceof Attributes);
    }

    static boolean isIterable(Object value) {
        return lengthOrNone(value) >= 0 || value instanceof Generator;
    }

    static Iterator<Object> iterator(Object value) {
        if (Text.is(value)) {
            Iterator<Integer> points = Text.of(value).codePoints().iterator();
            return Values.iterate(
                    points::hasNext,
                    () -> Character.toString(points.next())); // characters of markup are plain ones, too
        }
        if (value instanceof Range range) {
            return indexed(range);
        }
        if (value instanceof Generator generator) {
            return generator.items();
        }
        if (value instanceof View view) {
            return view.iterator();
        }
        if (value instanceof Undefined) {
            return Collections.emptyIterator();
        }
        Iterable<Object> items = items(value);
        if (items == null) {
            throw new TemplateError("'" + Values.type(value) + "' object is not iterable");
        }
        return items.iterator();
    }

    @SuppressWarnings("unchecked") // lists and maps of a template hold values of a template
    private static Iterable<Object> items(Object value) {
        if (value instanceof List<?> list) {
            return (List<Object>) list;
        }
        if (value instanceof Map<?, ?> map) {
            return (Iterable<Object>) map.keySet();
        }
        if (value instanceof Tuple tuple) {
            return tuple.items();
        }
        return value instanceof Group group ? group.tuple().items() : null;
    }

    private static Iterator<Object> indexed(Range range) {
        int length = range.length();
        int[] next = {0};
        return Values.iterate(() -> next[0] < length, () -> range.get(next[0]++));
    }

    /** Evaluates {@code list(value)}: a new list. */
    static List<Object> list(Object value) {
        if (value instanceof List<?> || value instanceof Tuple) {
            RenderBudget.checkEntries(lengthOrNone(value));
        }
        List<Object> list = new ArrayList<>();
        for (Iterator<Object> items = iterator(value); items.hasNext(); ) {
            if (list.size() == RenderBudget.MAX_ENTRIES) {
                RenderBudget.checkEntries(list.size() + 1L);
            }
            list.add(items.next());
        }
        RenderBudget.checkEntries(list.size());
        return list;
    }

    static String str(Object value) {
        if (value instanceof String text) {
            return text;
        }
        if (value instanceof Markup markup) {
            return markup.text();
        }
        return value instanceof Undefined ? "" : repr(value);
    }

    /** Returns {@code str}, escaped as by MarkupSafe; markup stays as it is. */
    static Markup escape(Object value) {
        if (value instanceof Markup markup) {
            return markup;
        }
        String text = str(value);
        RenderBudget.checkChars(text.length() * 5L);
        return new Markup(text.replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;"));
    }

    static String repr(Object value) {
        StringBuilder out = new StringBuilder();
        repr(value, out);
        RenderBudget.checkChars(out.length());
        return out.toString();
    }

    private static void repr(Object value, StringBuilder out) {
        if (out.length() > RenderBudget.MAX_CHARS) {
            RenderBudget.checkChars(out.length());
        }
        if (value == null) {
            out.append("None");
        } else if (value instanceof Boolean bool) {
            out.append(bool ? "True" : "False");
        } else if (value instanceof Long) {
            out.append(value);
        } else if (value instanceof BigInteger integer) {
            out.append(Numbers.decimal(integer));
        } else if (value instanceof Double number) {
            out.append(Numbers.repr(number));
        } else if (value instanceof String text) {
            Text.repr(text, out);
        } else if (value instanceof Markup markup) {
            Text.repr(markup.text(), out.append("Markup("));
            out.append(')');
        } else if (value instanceof List<?> list) {
            reprAll(list.iterator(), out.append('['));
            out.append(']');
        } else if (value instanceof Tuple tuple) {
            reprAll(tuple.items().iterator(), out.append('('));
            out.append(tuple.items().size() == 1 ? ",)" : ")");
        } else if (value instanceof Group group) {
            repr(group.tuple(), out);
        } else if (value instanceof Map<?, ?> map) {
            reprMap(map, out);
        } else if (value instanceof View view) {
            reprAll(view.iterator(), out.append(Values.type(view)).append("(["));
            out.append("])");
        } else {
            out.append(reprOfOthers(value));
        }
    }

    private static String reprOfOthers(Object value) {
        if (value instanceof Range range) {
            return "range(" + range.start() + ", " + range.stop()
                    + (range.step() == 1 ? ")" : ", " + range.step() + ")");
        }
        if (value instanceof Namespace namespace) {
            return "<Namespace " + repr(namespace.attributes()) + ">";
        }
        if (value instanceof Undefined) {
            return "Undefined";
        }
        if (value instanceof Function function) {
            return "<" + function.name() + ">";
        }
        return "<" + (value instanceof Generator generator ? generator.name() : Values.type(value)) + " object>";
    }

    private static void reprAll(Iterator<?> items, StringBuilder out) {
        while (items.hasNext()) {
            RenderBudget.count();
            repr(items.next(), out);
            out.append(items.hasNext() ? ", " : "");
        }
    }

    private static void reprMap(Map<?, ?> map, StringBuilder out) {
        out.append('{');
        Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
        while (entries.hasNext()) {
            RenderBudget.count();
            Map.Entry<?, ?> entry = entries.next();
            repr(entry.getKey(), out);
            repr(entry.getValue(), out.append(": "));
            out.append(entries.hasNext() ? ", " : "");
        }
        out.append('}');
    }

    static boolean isTuple(Object value) {
        return value instanceof Tuple || value instanceof Group;
    }

    static List<Object> tuple(Object value) {
        return value instanceof Group group ? group.tuple().items() : ((Tuple) value).items();
    }
}
