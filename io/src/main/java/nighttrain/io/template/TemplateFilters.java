package nighttrain.io.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.util.ObjectTruthValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Filters whose own versions in the template engine differ from Jinja's, or are not bounded. */
final class TemplateFilters {
    private TemplateFilters() {}

    static List<Filter> all() {
        return List.of(
                new Own("default", TemplateFilters::defaultValue),
                new Own("d", TemplateFilters::defaultValue),
                new Own("items", (value, arguments) -> value instanceof Map<?, ?> map ? map.entrySet() : List.of()),
                new Own("length", (value, arguments) -> length(value)),
                new Own("count", (value, arguments) -> length(value)),
                new Own("list", (value, arguments) -> list(value)),
                new Own("string", (value, arguments) -> Objects.toString(value, "")),
                new Own("trim", (value, arguments) -> trim(value, arguments)),
                new Own("reverse", (value, arguments) -> reverse(value)),
                new Own("join", TemplateFilters::join),
                new Own("replace", TemplateFilters::replace),
                new Own("indent", TemplateFilters::indent),
                new Own("tojson", (value, arguments) -> PythonJson.write(value, arguments)));
    }

    private static Object defaultValue(Object value, PythonArguments arguments) {
        boolean falsyToo = ObjectTruthValue.evaluate(arguments.valueOr(1, false));
        boolean keep = falsyToo ? ObjectTruthValue.evaluate(value) : value != null;
        return keep ? value : arguments.valueOr(0, "");
    }

    private static int length(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map.size();
        }
        if (value instanceof Collection<?> collection) {
            return collection.size();
        }
        String text = Objects.toString(value, "");
        return text.codePointCount(0, text.length());
    }

    private static List<?> list(Object value) {
        if (value instanceof Map<?, ?> map) {
            return new ArrayList<>(map.keySet());
        }
        if (value instanceof Collection<?> collection) {
            return new ArrayList<>(collection);
        }
        String text = Objects.toString(value, "");
        BoundedText.checkEntries(text.length());
        return text.codePoints().mapToObj(Character::toString).toList();
    }

    private static Object reverse(Object value) {
        if (value instanceof String text) {
            return new StringBuilder(text).reverse().toString();
        }
        List<Object> reversed = new ArrayList<>(list(value));
        Collections.reverse(reversed);
        return reversed;
    }

    private static String trim(Object value, PythonArguments arguments) {
        return PythonStrings.strip(Objects.toString(value, ""), arguments, true, true);
    }

    private static String join(Object value, PythonArguments arguments) {
        List<?> parts = list(value);
        return BoundedText.join(parts, arguments.has(0) ? arguments.text(0) : "");
    }

    private static String replace(Object value, PythonArguments arguments) {
        return BoundedText.replace(
                Objects.toString(value, ""), arguments.text(0), arguments.text(1), arguments.countOrAll(2));
    }

    private static String indent(Object value, PythonArguments arguments) {
        int width = arguments.valueOr(0, 4) instanceof Number number ? number.intValue() : 4;
        return BoundedText.indent(
                Objects.toString(value, ""), width, ObjectTruthValue.evaluate(arguments.valueOr(1, false)));
    }

    /** What a filter does to a value. */
    @FunctionalInterface
    private interface Body {
        Object apply(Object value, PythonArguments arguments);
    }

    private record Own(String name, Body body) implements Filter {
        @Override
        public String getName() {
            return name;
        }

        @Override
        public Object filter(
                Object value, JinjavaInterpreter interpreter, Object[] arguments, Map<String, Object> named) {
            List<Object> all = new ArrayList<>(Arrays.asList(arguments));
            all.addAll(named.values());
            return body.apply(value, new PythonArguments(all));
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, String... arguments) {
            return body.apply(value, PythonArguments.of(arguments));
        }
    }
}
