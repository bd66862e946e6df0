package nighttrain.io.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;

/** The texts that a {@link Shape} allows: JSON without white space, properties in the shape's order. */
final class JsonTexts {
    /** Levels of objects and lists within a value that the schema does not restrict. */
    static final int ANY_DEPTH = 3;

    /** Texts with more states are not written with {@code \}{@code u} escapes, which take six states for every character. */
    private static final int MAX_ESCAPED_STATES = 64;

    private static final ByteAutomaton ANY_STRING = string(Shape.Known.ANY_TEXT.values());

    private static final Shape SCALAR = Shape.either(List.of(
            Shape.Known.ANY_TEXT,
            Shape.Known.ANY_NUMBER,
            new Shape.Literals(List.of(BooleanNode.TRUE, BooleanNode.FALSE, NullNode.instance))));

    private final Nfa nfa = new Nfa();

    /** Automata that may occur in several places, by text, number, literals or depth of any value. */
    private final Map<Object, ByteAutomaton> parts;

    private JsonTexts(Map<Object, ByteAutomaton> parts) {
        this.parts = parts;
    }

    /** Returns all texts of a shape; unrestricted values have at most {@code depth} levels of objects and lists. */
    static ByteAutomaton of(Shape shape, int depth) {
        return of(shape, depth, new HashMap<>());
    }

    private static ByteAutomaton of(Shape shape, int depth, Map<Object, ByteAutomaton> parts) {
        JsonTexts texts = new JsonTexts(parts);
        int start = texts.nfa.state();
        return ByteAutomaton.ofBytes(
                Limits.determinise(texts.nfa.toAutomaton(start, texts.value(start, shape, depth))));
    }

    private int value(int from, Shape shape, int depth) {
        if (shape instanceof Shape.Any) {
            return any(from, depth);
        }
        if (shape instanceof Shape.Text text) {
            ByteAutomaton string =
                    text.isAny() ? ANY_STRING : parts.computeIfAbsent(text, key -> string(text.values()));
            return string.addTo(nfa, from);
        }
        if (shape instanceof Shape.Numeric number) {
            return parts.computeIfAbsent(number, key -> ByteAutomaton.ofCharacters(Decimals.of(number)))
                    .addTo(nfa, from);
        }
        if (shape instanceof Shape.Array array) {
            return array(from, array, depth);
        }
        if (shape instanceof Shape.Obj object) {
            return object(from, object, depth);
        }
        if (shape instanceof Shape.Literals literals) {
            return literals(from, literals);
        }
        int end = nfa.state();
        ((Shape.Either) shape).cases().forEach(each -> nfa.empty(value(from, each, depth), end));
        return end;
    }

    /** Adds the texts of values as one small automaton: a path for each would take seconds to merge where they are thousands. */
    private int literals(int from, Shape.Literals literals) {
        int end = nfa.state();
        Map<Boolean, List<String>> byLength = literals.values().stream()
                .map(JsonNode::toString)
                .collect(Collectors.partitioningBy(ByteAutomaton::isLong));
        byLength.get(true).forEach(each -> nfa.empty(text(from, each), end));
        nfa.empty(
                parts.computeIfAbsent(literals, key -> ByteAutomaton.ofTexts(byLength.get(false)))
                        .addTo(nfa, from),
                end);
        return end;
    }

    /** Adds any value. The automaton of each level is built and minimised once, then copied to both places in the level above. */
    private int any(int from, int depth) {
        ByteAutomaton known = parts.get(depth);
        if (known == null) {
            Shape shape =
                    depth == 0 ? SCALAR : Shape.either(List.of(SCALAR, Shape.Known.ANY_ARRAY, Shape.Known.ANY_OBJECT));
            known = of(shape, depth, parts);
            parts.put(depth, known);
        }
        return known.addTo(nfa, from);
    }

    /** Adds a text as bytes. */
    private int text(int from, String text) {
        int at = from;
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            int next = nfa.state();
            nfa.arc(at, b & 0xff, b & 0xff, next);
            at = next;
        }
        return at;
    }

    private int array(int from, Shape.Array array, int depth) {
        int end = nfa.state();
        int at = text(from, "[");
        int least = array.least();
        int chain = Math.max(Math.max(least, array.first().size()), array.writesItems() ? 1 : 0);
        if (array.most() != null) {
            chain = array.writesItems() ? array.most() : Math.min(array.most(), chain);
        }
        for (int i = 0; i < chain; i++) {
            if (i >= least) {
                nfa.arc(at, ']', ']', end);
            }
            at = item(i == 0 ? at : text(at, ","), array.item(i), depth);
        }
        if (array.writesItems() && array.most() == null) {
            int head = nfa.state(); // other parts may begin where the last item ends
            nfa.empty(at, head);
            nfa.empty(item(text(head, ","), array.items(), depth), head);
            at = head;
        }
        nfa.arc(at, ']', ']', end);
        return end;
    }

    /** Writes an item of a list. Items that the schema leaves open are one level deeper than their list; others are as deep as the schema says. */
    private int item(int from, Shape item, int depth) {
        return value(from, item, item instanceof Shape.Any ? depth - 1 : depth);
    }

    /**
     * Adds an object. Before each property, state {@code none} is for objects without a property so far, and state {@code some} for those that need a
     * comma first. {@code some} is -1 at the beginning; {@code none} is -1 after a required property.
     */
    private int object(int from, Shape.Obj object, int depth) {
        int none = text(from, "{");
        int some = -1;
        for (Map.Entry<String, Shape.Property> each : object.properties().entrySet()) {
            String name = quoted(each.getKey()) + ":";
            int value = nfa.state();
            if (none >= 0) {
                nfa.empty(text(none, name), value);
            }
            if (some >= 0) {
                nfa.empty(text(some, "," + name), value);
            }
            int next = nfa.state();
            nfa.empty(value(value, each.getValue().shape(), depth), next);
            if (each.getValue().required()) {
                none = -1;
            } else if (some >= 0) {
                nfa.empty(some, next);
            }
            some = next;
        }
        if (object.writesOthers()) {
            return others(object, none, some, depth);
        }
        int end = nfa.state();
        close(none, some, end);
        return end;
    }

    private void close(int none, int some, int end) {
        if (none >= 0) {
            nfa.arc(none, '}', '}', end);
        }
        if (some >= 0) {
            nfa.arc(some, '}', '}', end);
        }
    }

    private int others(Shape.Obj object, int none, int some, int depth) {
        int end = nfa.state();
        int head = nfa.state();
        int name = nfa.state();
        if (some >= 0) {
            nfa.empty(some, head);
        }
        nfa.arc(head, ',', ',', name);
        if (none >= 0) {
            nfa.empty(none, name);
        }
        int inner = object.others() instanceof Shape.Any ? depth - 1 : depth;
        if (inner >= 0) {
            ByteAutomaton names = object.properties().isEmpty()
                    ? ANY_STRING
                    : string(namesBut(object.properties().keySet()));
            int value = text(names.addTo(nfa, name), ":");
            nfa.empty(value(value, object.others(), inner), head);
        }
        close(none, head, end);
        return end;
    }

    private static Automaton namesBut(Set<String> taken) {
        Automaton all = Shape.Known.ANY_TEXT.values();
        Nfa names = new Nfa();
        int start = names.state();
        int end = names.state();
        taken.forEach(name -> names.empty(names.text(start, name), end));
        Automaton others = Operations.complement(
                Limits.determinise(names.toAutomaton(start, end)), Operations.DEFAULT_DETERMINIZE_WORK_LIMIT);
        return Limits.intersection(others, all);
    }

    private static String quoted(String text) {
        return JsonNodeFactory.instance.textNode(text).toString();
    }

    /** Returns the texts of {@code values} between quotes, with escapes. */
    private static ByteAutomaton string(Automaton values) {
        return new Escapes().string(values);
    }

    /** Writes the text between quotes, character by character. */
    private static final class Escapes {
        private final Nfa nfa = new Nfa();

        ByteAutomaton string(Automaton values) {
            int start = nfa.state();
            int end = nfa.state();
            int quote = nfa.text(start, "\"");
            int[] at = new int[values.getNumStates()];
            for (int s = 0; s < at.length; s++) {
                at[s] = nfa.state();
            }
            if (at.length > 0) {
                nfa.empty(quote, at[0]);
            }
            Transition t = new Transition();
            for (int s = 0; s < at.length; s++) {
                int count = values.initTransition(s, t);
                for (int i = 0; i < count; i++) {
                    values.getNextTransition(t);
                    characters(at[s], t.min, t.max, at[t.dest], at.length <= MAX_ESCAPED_STATES);
                }
                if (values.isAccept(s)) {
                    nfa.arc(at[s], '"', '"', end);
                }
            }
            return ByteAutomaton.ofCharacters(nfa.toAutomaton(start, end));
        }

        private static final CodePoints AS_THEY_ARE = CodePoints.of(0x20, 0x21, 0x23, 0x5B, 0x5D, CodePoints.LAST);

        private void characters(int from, int first, int last, int to, boolean withHex) {
            nfa.oneOf(from, CodePoints.of(first, last).and(AS_THEY_ARE), to);
            int escape = -1;
            String escaped = "\"\\\b\f\n\r\t";
            String letters = "\"\\bfnrt";
            for (int i = 0; i < escaped.length(); i++) {
                int c = escaped.charAt(i);
                if (first <= c && c <= last) {
                    escape = escape < 0 ? nfa.text(from, "\\") : escape;
                    nfa.arc(escape, letters.charAt(i), letters.charAt(i), to);
                }
            }
            if (withHex) {
                hex(from, Math.max(first, 0), Math.min(last, 0x1F), to);
                // Characters that need no escape may be escaped where all of them are allowed, but not within a
                // pattern.
                if (first <= 0x80 && last >= 0xD7FF) {
                    hex(from, 0x80, 0xD7FF, to);
                }
                if (first <= 0xE000 && last >= 0xFFFF) {
                    hex(from, 0xE000, 0xFFFF, to);
                }
            }
        }

        private void hex(int from, int first, int last, int to) {
            if (first <= last) {
                hex(nfa.text(from, "\\u"), first, last, 4, to);
            }
        }

        private void hex(int from, int first, int last, int digits, int to) {
            if (digits == 1) {
                hexDigit(from, first, last, to);
                return;
            }
            int unit = 1 << (4 * (digits - 1));
            int high = first / unit;
            int highest = last / unit;
            if (high == highest) {
                int next = nfa.state();
                hexDigit(from, high, high, next);
                hex(next, first % unit, last % unit, digits - 1, to);
                return;
            }
            int low = nfa.state();
            hexDigit(from, high, high, low);
            hex(low, first % unit, unit - 1, digits - 1, to);
            int top = nfa.state();
            hexDigit(from, highest, highest, top);
            hex(top, 0, last % unit, digits - 1, to);
            if (high + 1 < highest) {
                int middle = nfa.state();
                hexDigit(from, high + 1, highest - 1, middle);
                hex(middle, 0, unit - 1, digits - 1, to);
            }
        }

        private void hexDigit(int from, int first, int last, int to) {
            if (first <= 9) {
                nfa.arc(from, '0' + first, '0' + Math.min(last, 9), to);
            }
            if (last >= 10) {
                nfa.arc(from, 'a' + Math.max(first, 10) - 10, 'a' + last - 10, to);
                nfa.arc(from, 'A' + Math.max(first, 10) - 10, 'A' + last - 10, to);
            }
        }
    }
}
