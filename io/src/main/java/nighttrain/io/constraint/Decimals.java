package nighttrain.io.constraint;

import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.lucene.util.automaton.Automaton;

/**
 * Numbers as JSON writes them. The number of digits is bounded, so that no text goes on forever within a number: {@value #INTEGER_DIGITS} before the
 * point, which a 64-bit integer holds, and {@value #FRACTION_DIGITS} after it.
 */
final class Decimals {
    static final int INTEGER_DIGITS = 18;
    static final int FRACTION_DIGITS = 15;

    /** Most states of an automaton that counts remainders. */
    static final int MAX_REMAINDERS = 5_000;

    private static final Automaton INTEGER =
            RegexParser.parse("0|-?[1-9][0-9]{0," + (INTEGER_DIGITS - 1) + "}").whole();
    private static final Automaton NUMBER = RegexParser.parse("-?(0|[1-9][0-9]{0," + (INTEGER_DIGITS - 1)
                    + "})(\\.[0-9]{1," + FRACTION_DIGITS + "})?([eE][+-]?[0-9]{1,2})?")
            .whole();
    private static final Automaton WHOLE_MAGNITUDE =
            RegexParser.parse("0|[1-9][0-9]{0," + (INTEGER_DIGITS - 1) + "}").whole();
    private static final Automaton MAGNITUDE = RegexParser.parse(
                    "(0|[1-9][0-9]{0," + (INTEGER_DIGITS - 1) + "})(\\.[0-9]{1," + FRACTION_DIGITS + "})?")
            .whole();

    private Decimals() {}

    /** Whether a bound can be written with that number of digits. */
    static boolean fits(BigDecimal bound) {
        BigDecimal plain = bound.stripTrailingZeros();
        return plain.scale() <= FRACTION_DIGITS && (long) plain.precision() - plain.scale() <= INTEGER_DIGITS;
    }

    static Automaton of(Shape.Numeric number) {
        if (number.least() == null && number.most() == null && number.multipleOf() == null) {
            return number.whole() ? INTEGER : NUMBER;
        }
        Nfa nfa = new Nfa();
        int start = nfa.state();
        int end = nfa.state();
        Shape.Bound zero = new Shape.Bound(BigDecimal.ZERO, false);
        Shape.Bound least = number.least();
        Shape.Bound most = number.most();
        if (most == null || most.value().signum() >= 0) {
            Shape.Bound from = least == null || least.value().signum() < 0 ? zero : least;
            nfa.empty(nfa.automaton(start, magnitudes(number, from, most)), end);
        }
        if (least == null || least.value().signum() < 0) {
            Shape.Bound from = most == null || most.value().signum() >= 0
                    ? new Shape.Bound(BigDecimal.ZERO, true)
                    : most.negated();
            int minus = nfa.text(start, "-");
            nfa.empty(nfa.automaton(minus, magnitudes(number, from, least == null ? null : least.negated())), end);
        }
        return Limits.determinise(nfa.toAutomaton(start, end));
    }

    private static Automaton magnitudes(Shape.Numeric number, Shape.Bound least, Shape.Bound most) {
        Automaton all = number.whole() ? WHOLE_MAGNITUDE : MAGNITUDE;
        all = Limits.intersection(all, atLeast(least));
        if (most != null) {
            all = Limits.intersection(all, atMost(most));
        }
        return number.multipleOf() == null ? all : Limits.intersection(all, multiples(number.multipleOf()));
    }

    /** The digits of a bound, before and after its point. */
    private record Digits(String whole, String fraction) {
        static Digits of(BigDecimal bound) {
            String plain =
                    bound.signum() == 0 ? "0" : bound.stripTrailingZeros().toPlainString();
            int point = plain.indexOf('.');
            return point < 0
                    ? new Digits(plain, "")
                    : new Digits(plain.substring(0, point), plain.substring(point + 1));
        }
    }

    private static void digits(Nfa nfa, int from, int first, int last, int to) {
        if (first <= last) {
            nfa.arc(from, '0' + first, '0' + last, to);
        }
    }

    /** Returns the numerals, without leading zeros, that are not below a bound. */
    private static Automaton atLeast(Shape.Bound bound) {
        Digits digits = Digits.of(bound.value());
        int length = digits.whole.length();
        Nfa nfa = new Nfa();
        int start = nfa.state();
        int end = nfa.state();
        int fraction = nfa.state(); // any further digits after the point
        digits(nfa, fraction, 0, 9, fraction);
        nfa.empty(fraction, end);
        int[] needs = new int[length + 2]; // at least this many more digits before the point
        for (int n = 0; n < needs.length; n++) {
            needs[n] = nfa.state();
            digits(nfa, needs[n], 0, 9, needs[Math.max(0, n - 1)]);
        }
        nfa.empty(needs[0], end);
        nfa.arc(needs[0], '.', '.', fraction);
        nfa.empty(start, needs[length + 1]);
        int equal = start;
        for (int i = 0; i < length; i++) {
            int digit = digits.whole.charAt(i) - '0';
            int next = nfa.state();
            digits(nfa, equal, digit, digit, next);
            digits(nfa, equal, digit + 1, 9, needs[length - 1 - i]);
            equal = next;
        }
        if (digits.fraction.isEmpty() && !bound.strict()) {
            nfa.empty(equal, end);
        }
        int same = nfa.state();
        nfa.arc(equal, '.', '.', same);
        for (int i = 0; i < digits.fraction.length(); i++) {
            int digit = digits.fraction.charAt(i) - '0';
            int next = nfa.state();
            digits(nfa, same, digit, digit, next);
            digits(nfa, same, digit + 1, 9, fraction);
            same = next;
        }
        digits(nfa, same, 0, 0, same);
        digits(nfa, same, 1, 9, fraction);
        if (!bound.strict()) {
            nfa.empty(same, end);
        }
        return Limits.determinise(nfa.toAutomaton(start, end));
    }

    /** Returns the numerals, without leading zeros, that are not above a bound. */
    private static Automaton atMost(Shape.Bound bound) {
        Digits digits = Digits.of(bound.value());
        int length = digits.whole.length();
        Nfa nfa = new Nfa();
        int start = nfa.state();
        int end = nfa.state();
        int fraction = nfa.state();
        digits(nfa, fraction, 0, 9, fraction);
        nfa.empty(fraction, end);
        int[] needs = new int[length]; // exactly this many more digits before the point
        for (int n = 0; n < length; n++) {
            needs[n] = nfa.state();
            if (n > 0) {
                digits(nfa, needs[n], 0, 9, needs[n - 1]);
                nfa.empty(start, needs[n]);
            }
        }
        nfa.empty(needs[0], end);
        nfa.arc(needs[0], '.', '.', fraction);
        int equal = start;
        for (int i = 0; i < length; i++) {
            int digit = digits.whole.charAt(i) - '0';
            int next = nfa.state();
            digits(nfa, equal, digit, digit, next);
            digits(nfa, equal, 0, digit - 1, needs[length - 1 - i]);
            equal = next;
        }
        if (!digits.fraction.isEmpty() || !bound.strict()) {
            nfa.empty(equal, end);
        }
        int same = nfa.state();
        nfa.arc(equal, '.', '.', same);
        for (int i = 0; i < digits.fraction.length(); i++) {
            int digit = digits.fraction.charAt(i) - '0';
            int next = nfa.state();
            nfa.empty(same, end); // the bound has more digits, and the last of them is not 0
            digits(nfa, same, digit, digit, next);
            digits(nfa, same, 0, digit - 1, fraction);
            same = next;
        }
        digits(nfa, same, 0, 0, same);
        if (!bound.strict()) {
            nfa.empty(same, end);
        }
        return Limits.determinise(nfa.toAutomaton(start, end));
    }

    /** Estimates the number of states of {@link #multiples}. */
    static long remainders(BigDecimal of) {
        BigDecimal plain = of.stripTrailingZeros();
        int places = Math.max(0, plain.scale());
        BigInteger units = plain.setScale(places).unscaledValue();
        return units.bitLength() > 31 ? Long.MAX_VALUE : units.longValueExact() * (places + 1);
    }

    /**
     * Returns the numerals of multiples; a state holds the digits after the point, at most those of {@code of}, and the remainder modulo {@code of}.
     */
    private static Automaton multiples(BigDecimal of) {
        if (remainders(of) > MAX_REMAINDERS) { // of two numbers, each of which has fewer
            throw Limits.exceeded("multiples of " + of.toPlainString(), "at most " + MAX_REMAINDERS + " remainders");
        }
        BigDecimal plain = of.stripTrailingZeros();
        int places = Math.max(0, plain.scale());
        int units = plain.setScale(places).unscaledValue().intValueExact();
        Nfa nfa = new Nfa();
        int start = nfa.state();
        int end = nfa.state();
        int[][] state = new int[places + 1][units]; // by digits after the point, and remainder of the digits so far
        for (int[] row : state) {
            for (int r = 0; r < units; r++) {
                row[r] = nfa.state();
            }
        }
        for (int place = 0; place <= places; place++) {
            long scale = BigInteger.TEN
                    .pow(places - place)
                    .mod(BigInteger.valueOf(units))
                    .longValueExact();
            for (int r = 0; r < units; r++) {
                if (r * scale % units == 0) {
                    nfa.empty(state[place][r], end);
                }
                if (place == 0) {
                    nextDigits(nfa, state[0][r], r, state[0]);
                }
                if (place < places) {
                    int from = place == 0 ? nfa.text(state[0][r], ".") : state[place][r];
                    nextDigits(nfa, from, r, state[place + 1]);
                }
            }
        }
        nextDigits(nfa, start, 0, state[0]);
        return Limits.determinise(nfa.toAutomaton(start, end));
    }

    private static void nextDigits(Nfa nfa, int from, int remainder, int[] byRemainder) {
        for (int digit = 0; digit <= 9; digit++) {
            digits(nfa, from, digit, digit, byRemainder[(int) ((remainder * 10L + digit) % byRemainder.length)]);
        }
    }
}
