package nighttrain.io.template;

import com.hubspot.jinjava.objects.collections.PyList;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.function.BiPredicate;
import jinjava.javax.el.MethodNotFoundException;

/** The methods of Python's {@code str} that chat templates call. Arguments are texts, never patterns. */
final class PythonStrings {
    private PythonStrings() {}

    static Object call(String text, String method, PythonArguments arguments) {
        return switch (method) {
            case "strip" -> strip(text, arguments, true, true);
            case "lstrip" -> strip(text, arguments, true, false);
            case "rstrip" -> strip(text, arguments, false, true);
            case "split" -> split(text, arguments);
            case "rsplit" -> PythonSplit.fromRight(text, arguments.text(0), arguments.countOrAll(1));
            case "splitlines" -> list(text.lines().toList());
            case "startswith" -> anyOf(text, arguments, String::startsWith);
            case "endswith" -> anyOf(text, arguments, String::endsWith);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalize(text);
            case "title" -> title(text);
            case "replace" -> BoundedText.replace(text, arguments.text(0), arguments.text(1), arguments.countOrAll(2));
            case "removeprefix" ->
                text.startsWith(arguments.text(0))
                        ? text.substring(arguments.text(0).length())
                        : text;
            case "removesuffix" ->
                text.endsWith(arguments.text(0))
                        ? text.substring(0, text.length() - arguments.text(0).length())
                        : text;
            case "find" -> codePoints(text, text.indexOf(arguments.text(0)));
            case "rfind" -> codePoints(text, text.lastIndexOf(arguments.text(0)));
            case "count" ->
                PythonSplit.fromLeft(text, arguments.text(0), Integer.MAX_VALUE).size() - 1;
            case "join" -> BoundedText.join((Collection<?>) arguments.valueOr(0, List.of()), text);
            case "isdigit" -> !text.isEmpty() && text.codePoints().allMatch(Character::isDigit);
            case "isspace" -> !text.isEmpty() && text.codePoints().allMatch(PythonStrings::isSpace);
            default -> throw new MethodNotFoundException("no method " + method + " of a string in a chat template");
        };
    }

    /** Python's white space: Unicode's, no-break spaces among them. */
    static boolean isSpace(int codePoint) {
        return Character.isWhitespace(codePoint) || Character.isSpaceChar(codePoint) || codePoint == 0x85;
    }

    static String strip(String text, PythonArguments arguments, boolean left, boolean right) {
        String chars = arguments.has(0) ? arguments.text(0) : null;
        int from = 0;
        int to = text.length();
        while (left && from < to && strippable(text.codePointAt(from), chars)) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && to > from && strippable(text.codePointBefore(to), chars)) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    private static boolean strippable(int codePoint, String chars) {
        return chars == null ? isSpace(codePoint) : chars.indexOf(codePoint) >= 0;
    }

    private static PyList split(String text, PythonArguments arguments) {
        return arguments.has(0)
                ? PythonSplit.fromLeft(text, arguments.text(0), arguments.countOrAll(1))
                : PythonSplit.onSpace(text, arguments.countOrAll(1));
    }

    private static boolean anyOf(String text, PythonArguments arguments, BiPredicate<String, String> matches) {
        if (arguments.valueOr(0, null) instanceof Collection<?> several) {
            return several.stream().anyMatch(one -> matches.test(text, String.valueOf(one)));
        }
        return matches.test(text, arguments.text(0));
    }

    private static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.offsetByCodePoints(0, 1);
        return text.substring(0, first).toUpperCase(Locale.ROOT)
                + text.substring(first).toLowerCase(Locale.ROOT);
    }

    private static String title(String text) {
        StringBuilder titled = new StringBuilder();
        boolean inWord = false;
        for (int codePoint : text.codePoints().toArray()) {
            titled.appendCodePoint(inWord ? Character.toLowerCase(codePoint) : Character.toTitleCase(codePoint));
            inWord = Character.isLetter(codePoint);
        }
        return titled.toString();
    }

    private static int codePoints(String text, int at) {
        return at < 0 ? -1 : text.codePointCount(0, at);
    }

    static PyList list(List<?> elements) {
        return new PyList(new ArrayList<>(elements));
    }
}
