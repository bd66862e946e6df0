package nighttrain.io.template;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Attributes;
import nighttrain.io.template.Values.Builtin;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;

/** The functions that every template has: Jinja2's, and the two that transformers adds. */
final class Globals {
    static final Map<String, Object> ALL = Map.of(
            "range", new Builtin("class 'range'", Globals::range),
            "dict", new Builtin("class 'dict'", Dict::of),
            "namespace", new Builtin("class 'jinja2.utils.Namespace'", arguments -> new Namespace(Dict.of(arguments))),
            "cycler", new Builtin("class 'jinja2.utils.Cycler'", Globals::cycler),
            "joiner", new Builtin("class 'jinja2.utils.Joiner'", Globals::joiner),
            "raise_exception", new Builtin("function raise_exception", Globals::raise),
            "strftime_now", new Builtin("function strftime_now", Globals::now));

    private Globals() {}

    private static Object range(Arguments arguments) {
        Object[] bound = arguments.positions("range", 1, 3);
        long first = bounded(bound[0]);
        return bound[1] == Scope.MISSING
                ? Range.of(0, first, 1)
                : Range.of(first, bounded(bound[1]), bound[2] == Scope.MISSING ? 1 : bounded(bound[2]));
    }

    private static long bounded(Object value) {
        Numbers.index(value, "range");
        if (Numbers.big(value).bitLength() > 62) {
            throw new TemplateError("Range too big: " + Python.type(value) + " of more than 62 bits");
        }
        return Numbers.big(value).longValue();
    }

    @SuppressWarnings("DoNotCallSuggester") // Templates call it.
    private static Object raise(Arguments arguments) {
        throw TemplateError.refusal(Python.str(arguments.bind("raise_exception", 1, "message")[0]));
    }

    private static Object now(Arguments arguments) {
        Object format = arguments.bind("strftime_now", 1, "format")[0];
        if (!Text.is(format)) {
            throw new TemplateError("strftime() argument 1 must be str, not " + Python.type(format));
        }
        // No field is longer than that of the whole date.
        RenderBudget.checkChars(Text.of(format).length() * 24L);
        return Strftime.format(ZonedDateTime.now(ZoneId.systemDefault()), Text.of(format));
    }

    private static Object joiner(Arguments arguments) {
        Object separator = arguments.bind("joiner", 0, "sep")[0];
        boolean[] used = {false};
        return new Builtin("joiner", none -> {
            none.positions("joiner", 0, 0);
            boolean first = !used[0];
            used[0] = true;
            return first ? "" : separator == Scope.MISSING ? ", " : separator;
        });
    }

    private static Object cycler(Arguments arguments) {
        if (arguments.positional().isEmpty() || !arguments.named().isEmpty()) {
            throw new TemplateError("at least one item has to be provided");
        }
        return new Cycler(arguments.positional());
    }

    /** {@code cycler(...)}: its items in turn. */
    private static final class Cycler implements Attributes {
        private final List<Object> items;
        private int position;

        Cycler(List<Object> items) {
            this.items = items;
        }

        @Override
        public Object attribute(String name) {
            return switch (name) {
                case "current" -> items.get(position);
                case "pos" -> (long) position;
                case "items" -> new Values.Tuple(items);
                case "next" ->
                    (Function) arguments -> {
                        arguments.positions("next", 0, 0);
                        Object item = items.get(position);
                        position = (position + 1) % items.size();
                        return item;
                    };
                case "reset" ->
                    (Function) arguments -> {
                        arguments.positions("reset", 0, 0);
                        position = 0;
                        return null;
                    };
                default -> Scope.MISSING;
            };
        }
    }
}
