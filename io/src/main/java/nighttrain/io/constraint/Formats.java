package nighttrain.io.constraint;

import java.util.Map;
import java.util.TreeMap;
import org.apache.lucene.util.automaton.Automaton;

/**
 * The supported formats of JSON Schema: their texts pass every validator, except those that check an address's top-level domain against a list. Dates
 * are real calendar days; years have four digits.
 */
final class Formats {
    private static final String DATE =
            "([1-9][0-9]{3}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))"
                    + "|(02-(0[1-9]|1[0-9]|2[0-8])))|(([1-9][0-9](0[48]|[2468][048]|[13579][26]))|(([2468][048]|[13579][26])00))-02-29)";
    private static final String TIME =
            "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])";
    private static final String BYTE = "(0|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]|[1-9])";
    private static final String LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?";

    private static final Map<String, Automaton> FORMATS = new TreeMap<>(Map.of(
            "date", whole(DATE),
            "date-time", whole(DATE + "T" + TIME),
            "time", whole(TIME),
            "uuid", whole("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
            "email", whole("[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@(" + LABEL + "\\.){1,3}[A-Za-z]{2,18}"),
            "ipv4", whole(BYTE + "(\\." + BYTE + "){3}")));

    private Formats() {}

    private static Automaton whole(String regex) {
        return RegexParser.parse(regex).whole();
    }

    static boolean has(String name) {
        return FORMATS.containsKey(name);
    }

    static String names() {
        return String.join(", ", FORMATS.keySet());
    }

    static Automaton of(String name) {
        return FORMATS.get(name);
    }
}
