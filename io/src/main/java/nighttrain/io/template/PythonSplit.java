package nighttrain.io.template;

import com.hubspot.jinjava.objects.collections.PyList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Python's {@code split} and {@code rsplit}. */
final class PythonSplit {
    private PythonSplit() {}

    static PyList fromLeft(String text, String separator, int maxSplits) {
        checkSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0 && parts.size() < maxSplits; ) {
            add(parts, text.substring(from, at));
            from = at + separator.length();
            at = text.indexOf(separator, from);
        }
        add(parts, text.substring(from));
        return new PyList(parts);
    }

    static PyList fromRight(String text, String separator, int maxSplits) {
        checkSeparator(separator);
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        for (int at = text.lastIndexOf(separator); at >= 0 && parts.size() < maxSplits; ) {
            add(parts, text.substring(at + separator.length(), to));
            to = at;
            at = at == 0 ? -1 : text.lastIndexOf(separator, at - separator.length());
        }
        add(parts, text.substring(0, to));
        Collections.reverse(parts);
        return new PyList(parts);
    }

    /** On runs of white space, with none at the ends. */
    static PyList onSpace(String text, int maxSplits) {
        List<Object> parts = new ArrayList<>();
        int at = skip(text, 0, true);
        while (at < text.length()) {
            int end = parts.size() < maxSplits ? skip(text, at, false) : text.length();
            add(parts, text.substring(at, end));
            at = skip(text, end, true);
        }
        return new PyList(parts);
    }

    private static int skip(String text, int from, boolean space) {
        int at = from;
        while (at < text.length() && PythonStrings.isSpace(text.codePointAt(at)) == space) {
            at += Character.charCount(text.codePointAt(at));
        }
        return at;
    }

    private static void add(List<Object> parts, String part) {
        BoundedText.checkEntries(parts.size() + 1);
        parts.add(part);
    }

    private static void checkSeparator(String separator) {
        if (separator.isEmpty()) {
            throw new IllegalStateException("split at an empty separator");
        }
    }
}
