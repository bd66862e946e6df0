package nighttrain.io.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;

/** The texts that are written for a {@link Shape}: JSON without white space, properties in the shape's order. */
final class JsonTexts {
    /** Levels of objects and lists within a value of which nothing is said. */
    static final int ANY_DEPTH = 3;

    /** Longer texts are not written with {@code \}{@code u} escapes, which take six states for every character. */
    private static final int MAX_ESCAPED_STATES = 64;

    private final Nfa nfa = new Nfa();

    private JsonTexts() {}

    /** All texts of a shape; levels of objects and lists in values of which nothing is said end at {@code depth}. */
    static Automaton of(Shape shape, int depth) {
        JsonTexts texts = new JsonTexts();
        int start = texts.nfa.state();
        return texts.nfa.toAutomaton(start, texts.value(start, shape, depth));
    }

    private int value(int from, Shape shape, int depth) {
        if (shape instanceof Shape.Any) {
            return any(from, depth);
        }
        if (shape instanceof Shape.Text text) {
            return string(from, text.values());
        }
        if (shape instanceof Shape.Number number) {
            return nfa.automaton(from, Decimals.of(number));
        }
        if (shape instanceof Shape.Array array) {
            return depth == 0 && array.items() instanceof Shape.Any ? nfa.state() : array(from, array, depth);
        }
        if (shape instanceof Shape.Obj object) {
            return object(from, object, depth);
        }
        int end = nfa.state();
        if (shape instanceof Shape.Literals literals) {
            literals.values().forEach(each -> nfa.empty(literal(from, each), end));
        } else {
            ((Shape.Either) shape).cases().forEach(each -> nfa.empty(value(from, each, depth), end));
        }
        return end;
    }

    private int any(int from, int depth) {
        int end = nfa.state();
        nfa.empty(value(from, Shape.ANY_TEXT, depth), end);
        nfa.empty(value(from, Shape.ANY_NUMBER, depth), end);
        for (String word : new String[] {"true", "false", "null"}) {
            nfa.empty(nfa.text(from, word), end);
        }
        if (depth > 0) {
            nfa.empty(value(from, Shape.ANY_ARRAY, depth), end);
            nfa.empty(value(from, Shape.ANY_OBJECT, depth), end);
        }
        return end;
    }

    private int literal(int from, JsonNode value) {
        return nfa.text(from, value.toString());
    }

    private int array(int from, Shape.Array array, int depth) {
        int end = nfa.state();
        int at = nfa.text(from, "[");
        int inner = array.items() instanceof Shape.Any ? depth - 1 : depth;
        int least = array.least();
        int chain = Math.max(Math.max(least, array.first().size()), array.writesItems() ? 1 : 0);
        if (array.most() != null) {
            chain = array.writesItems() ? array.most() : Math.min(array.most(), chain);
        }
        for (int i = 0; i < chain; i++) {
            if (i >= least) {
                nfa.arc(at, ']', ']', end);
            }
            at = value(i == 0 ? at : nfa.text(at, ","), array.item(i), inner);
        }
        if (array.writesItems() && array.most() == null) {
            int head = nfa.state(); // other parts may begin where the last item ends
            nfa.empty(at, head);
            nfa.empty(value(nfa.text(head, ","), array.items(), inner), head);
            at = head;
        }
        nfa.arc(at, ']', ']', end);
        return end;
    }

    /**
     * One state before every property for objects in which none was written yet, one for those that need a comma; the latter are -1
     * where there is none, as the former are after a required property.
     */
    private int object(int from, Shape.Obj object, int depth) {
        int none = nfa.text(from, "{");
        int some = -1;
        for (Map.Entry<String, Shape.Property> each : object.properties().entrySet()) {
            String name = quoted(each.getKey()) + ":";
            int value = nfa.state();
            if (none >= 0) {
                nfa.empty(nfa.text(none, name), value);
            }
            if (some >= 0) {
                nfa.empty(nfa.text(some, "," + name), value);
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
            int value = nfa.text(string(name, namesBut(object.properties().keySet())), ":");
            nfa.empty(value(value, object.others(), inner), head);
        }
        close(none, head, end);
        return end;
    }

    private static Automaton namesBut(Set<String> taken) {
        Automaton all = Shape.ANY_TEXT.values();
        if (taken.isEmpty()) {
            return all;
        }
        Nfa names = new Nfa();
        int start = names.state();
        int end = names.state();
        taken.forEach(name -> names.empty(names.text(start, name), end));
        Automaton others = Operations.complement(Limits.determinise(names.toAutomaton(start, end)), Operations.DEFAULT_DETERMINIZE_WORK_LIMIT);
        return Limits.intersection(others, all);
    }

    private static String quoted(String text) {
        return JsonNodeFactory.instance.textNode(text).toString();
    }

    /** Texts of {@code values} between quotes, with escapes. */
    private int string(int from, Automaton values) {
        int end = nfa.state();
        int quote = nfa.text(from, "\"");
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
        return end;
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
            // Characters that need no escape are written with one where all of them may be; a pattern's are not.
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
        int unit = 1 << 4 * (digits - 1);
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
