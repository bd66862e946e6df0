package nighttrain.io.template;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The filter {@code urlencode}: a text for a path, or pairs for a query. */
final class Urls {
    private Urls() {}

    static Object encode(Object value) {
        if (Text.is(value) || !Python.isIterable(value)) {
            return quote(value, "/");
        }
        Iterator<Object> pairs = value instanceof java.util.Map
                ? Python.iterator(((Values.Function) Operators.own(value, "items")).call(Arguments.NONE))
                : Python.iterator(value);
        List<String> encoded = new ArrayList<>();
        while (pairs.hasNext()) {
            List<Object> pair = Python.list(pairs.next());
            if (pair.size() != 2) {
                throw new TemplateError("not enough or too many values to unpack (expected 2)");
            }
            encoded.add(quote(pair.get(0), "").replace("%20", "+") + "="
                    + quote(pair.get(1), "").replace("%20", "+"));
        }
        return String.join("&", encoded);
    }

    private static String quote(Object value, String safe) {
        StringBuilder quoted = new StringBuilder();
        for (byte b : Python.str(value).getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            boolean plain = c < 0x80 && (Character.isLetterOrDigit(c) || ("_.-~" + safe).indexOf(c) >= 0);
            quoted.append(plain ? String.valueOf(c) : String.format("%%%02X", (int) c));
        }
        RenderBudget.checkChars(quoted.length());
        return quoted.toString();
    }
}
