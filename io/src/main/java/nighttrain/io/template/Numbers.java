package nighttrain.io.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import nighttrain.io.template.Values.Undefined;

/** Python's int, float and bool: arithmetic, order and text forms. */
final class Numbers {
    private static final BigInteger MIN_LONG = BigInteger.valueOf(Long.MIN_VALUE);
    private static final BigInteger MAX_LONG = BigInteger.valueOf(Long.MAX_VALUE);

    /** As in Python, longer integers are not converted to text. */
    private static final int MAX_DIGITS = 4300;

    private Numbers() {}

    static boolean is(Object value) {
        return value instanceof Long
                || value instanceof Double
                || value instanceof Boolean
                || value instanceof BigInteger;
    }

    /** Whether a value is an int or a bool. */
    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean || value instanceof BigInteger;
    }

    static boolean isNan(Object value) {
        return value instanceof Double number && number.isNaN();
    }

    /** Returns the value of an int: a Long where it fits. */
    static Object integer(BigInteger value) {
        return value.compareTo(MIN_LONG) >= 0 && value.compareTo(MAX_LONG) <= 0 ? (Object) value.longValue() : value;
    }

    static BigInteger big(Object value) {
        if (value instanceof BigInteger integer) {
            return integer;
        }
        return value instanceof Boolean bool
                ? (bool ? BigInteger.ONE : BigInteger.ZERO)
                : BigInteger.valueOf((Long) value);
    }

    /** Returns an int used as an index, a count or a size, clamped to the range of Java's int. */
    static int index(Object value, String what) {
        if (!isInteger(value)) {
            if (value instanceof Undefined undefined) {
                throw undefined.failure();
            }
            throw new TemplateError(
                    "'" + Values.type(value) + "' object cannot be interpreted as an integer (" + what + ")");
        }
        BigInteger big = big(value);
        return big.bitLength() < Integer.SIZE
                ? big.intValue()
                : big.signum() < 0 ? -Integer.MAX_VALUE : Integer.MAX_VALUE;
    }

    static double real(Object value) {
        if (value instanceof Double number) {
            return number;
        }
        double real = big(value).doubleValue();
        if (Double.isInfinite(real)) {
            throw new TemplateError("int too large to convert to float");
        }
        return real;
    }

    static boolean equal(Object a, Object b) {
        return !isNan(a) && !isNan(b) && compare(a, b) == 0;
    }

    /** Compares exactly, also an int with a float; NaN is not allowed. */
    static int compare(Object a, Object b) {
        if (a instanceof Long x && b instanceof Long y) {
            return Long.compare(x, y);
        }
        if (isInteger(a) && isInteger(b)) {
            return big(a).compareTo(big(b));
        }
        if ((a instanceof Double x && x.isInfinite())
                || (b instanceof Double y && y.isInfinite())
                || (a instanceof Double && b instanceof Double)) {
            double x = a instanceof Double number ? number : 0;
            double y = b instanceof Double number ? number : 0;
            return x < y ? -1 : x > y ? 1 : 0;
        }
        return decimalOf(a).compareTo(decimalOf(b));
    }

    private static BigDecimal decimalOf(Object value) {
        return value instanceof Double number ? new BigDecimal(number) : new BigDecimal(big(value));
    }

    /** Returns {@code a operator b}, where both are numbers. */
    static Object arithmetic(Object a, String operator, Object b) {
        if (operator.equals("/")) {
            return divide(a, b);
        }
        if (!isInteger(a) || !isInteger(b)) {
            return floats(real(a), operator, real(b));
        }
        if (a instanceof Long x && b instanceof Long y && !operator.equals("**")) {
            Object small = longs(x, operator, y);
            if (small != null) {
                return small;
            }
        }
        return integers(big(a), operator, big(b));
    }

    /** Returns the result, or null where it does not fit. */
    private static Object longs(long a, String operator, long b) {
        switch (operator) {
            case "+" -> {
                long sum = a + b;
                return ((a ^ sum) & (b ^ sum)) < 0 ? null : (Object) sum;
            }
            case "-" -> {
                long difference = a - b;
                return ((a ^ b) & (a ^ difference)) < 0 ? null : (Object) difference;
            }
            case "//", "%" -> {
                if (b == 0) {
                    throw new TemplateError("integer division or modulo by zero");
                }
                if (a == Long.MIN_VALUE && b == -1) {
                    return null;
                }
                return operator.equals("%") ? Math.floorMod(a, b) : Math.floorDiv(a, b);
            }
            default -> {
                long high = Math.multiplyHigh(a, b);
                long low = a * b;
                return (high == 0 && low >= 0) || (high == -1 && low < 0) ? (Object) low : null;
            }
        }
    }

    private static Object integers(BigInteger a, String operator, BigInteger b) {
        return switch (operator) {
            case "+" -> bounded(a.add(b));
            case "-" -> bounded(a.subtract(b));
            case "*" -> {
                RenderBudget.checkBits((long) a.bitLength() + b.bitLength());
                yield integer(a.multiply(b));
            }
            case "**" -> power(a, b);
            default -> {
                if (b.signum() == 0) {
                    throw new TemplateError("integer division or modulo by zero");
                }
                BigInteger[] parts = a.divideAndRemainder(b);
                boolean down = parts[1].signum() * b.signum() < 0;
                yield operator.equals("%")
                        ? integer(down ? parts[1].add(b) : parts[1])
                        : integer(down ? parts[0].subtract(BigInteger.ONE) : parts[0]);
            }
        };
    }

    private static Object bounded(BigInteger value) {
        RenderBudget.checkBits(value.bitLength());
        return integer(value);
    }

    private static Object power(BigInteger a, BigInteger b) {
        if (b.signum() < 0) {
            return floats(real(integer(a)), "**", real(integer(b)));
        }
        if (a.abs().bitLength() <= 1) {
            return integer(a.signum() < 0 && !b.testBit(0) ? BigInteger.ONE : b.signum() == 0 ? BigInteger.ONE : a);
        }
        // The result has at least (bits - 1) * b bits.
        RenderBudget.checkBits(b.bitLength() > 31 ? Long.MAX_VALUE : (a.abs().bitLength() - 1L) * b.longValue());
        return integer(a.pow(b.intValue()));
    }

    private static Object divide(Object a, Object b) {
        if (b instanceof Double d ? d == 0 : isInteger(b) && big(b).signum() == 0) {
            throw new TemplateError("division by zero");
        }
        if (isInteger(a) && isInteger(b)) {
            BigInteger x = big(a);
            BigInteger y = big(b);
            if (x.bitLength() <= 53 && y.bitLength() <= 53) {
                return x.doubleValue() / y.doubleValue();
            }
            double quotient = new BigDecimal(x)
                    .divide(new BigDecimal(y), new MathContext(60))
                    .doubleValue();
            if (Double.isInfinite(quotient)) {
                throw new TemplateError("integer division result too large for a float");
            }
            return quotient;
        }
        return real(a) / real(b);
    }

    private static Object floats(double a, String operator, double b) {
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "**" -> power(a, b);
            case "%" -> {
                if (b == 0) {
                    throw new TemplateError("float modulo");
                }
                yield modulo(a, b);
            }
            default -> {
                if (b == 0) {
                    throw new TemplateError("float floor division by zero");
                }
                yield floorDivide(a, b);
            }
        };
    }

    private static double modulo(double a, double b) {
        double rest = a % b;
        if (rest == 0) {
            return Math.copySign(0.0, b);
        }
        return rest < 0 != b < 0 ? rest + b : rest;
    }

    // As in CPython: the quotient of what is left after the remainder, rounded to the nearest integer.
    private static double floorDivide(double a, double b) {
        double rest = a % b;
        double quotient = (a - rest) / b;
        if (rest != 0 && rest < 0 != b < 0) {
            quotient -= 1;
        }
        if (quotient == 0) {
            return Math.copySign(0.0, a / b);
        }
        double floor = Math.floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double power(double a, double b) {
        if (a == 0 && b < 0) {
            throw new TemplateError("0.0 cannot be raised to a negative power");
        }
        if (a == 1 || b == 0) {
            return 1;
        }
        if (a < 0 && Double.isFinite(a) && Double.isFinite(b) && b != Math.rint(b)) {
            throw new TemplateError("a complex number: a negative number to a fractional power (not supported)");
        }
        double power = Math.pow(a, b);
        if (Double.isInfinite(power) && Double.isFinite(a) && Double.isFinite(b)) {
            throw new TemplateError("(34, 'Numerical result out of range')");
        }
        // 1 to an infinite power is 1 in C, but NaN in Java.
        return Math.abs(a) == 1 && Double.isInfinite(b) ? 1 : power;
    }

    /** Evaluates {@code + value}; that of a bool is an int. */
    static Object positive(Object value) {
        return value instanceof Boolean ? integer(big(value)) : value;
    }

    static Object negative(Object value) {
        return value instanceof Double number
                ? (Object) (-number)
                : integer(big(value).negate());
    }

    /** Returns {@code str} of an int. */
    static String decimal(Object value) {
        String text = value instanceof BigInteger integer && integer.bitLength() > MAX_DIGITS * 4
                ? null
                : value instanceof Long ? value.toString() : big(value).toString();
        if (text == null || text.length() - (text.startsWith("-") ? 1 : 0) > MAX_DIGITS) {
            throw new TemplateError("Exceeds the limit (4300 digits) for integer string conversion");
        }
        return text;
    }

    /** Returns {@code repr} of a float: the shortest digits that are read back as the same number. */
    static String repr(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal exact = new BigDecimal(Math.abs(value));
        BigDecimal shortest = exact;
        // Java's own text is not always the shortest, so the number of digits is searched.
        for (int digits = 1; digits <= 17; digits++) {
            shortest = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (shortest.doubleValue() == Math.abs(value)) {
                break;
            }
        }
        String digits = shortest.unscaledValue().toString().replaceFirst("0+$", "");
        int point = shortest.precision() - shortest.scale();
        return (value < 0 ? "-" : "")
                + (point > -4 && point <= 16 ? plain(digits, point) : scientific(digits, point - 1));
    }

    private static String plain(String digits, int point) {
        if (point <= 0) {
            return "0." + "0".repeat(-point) + digits;
        }
        if (digits.length() <= point) {
            return digits + "0".repeat(point - digits.length()) + ".0";
        }
        return digits.substring(0, point) + "." + digits.substring(point);
    }

    private static String scientific(String digits, int exponent) {
        String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
        return digits.charAt(0) + fraction + exponent(exponent);
    }

    /** Formats an exponent as C does: a sign and at least two digits. */
    static String exponent(int exponent) {
        return (exponent < 0 ? "e-" : "e+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    /** Evaluates {@code float(text)}; null where the text is not a float. */
    static Double parseReal(String text) {
        String trimmed = digitsAsAscii(Text.strip(text, null, true, true));
        String plain = trimmed.replaceAll("(?<=[0-9])_(?=[0-9])", "");
        if (plain.matches("(?i)[-+]?(inf|infinity|nan)")) {
            String name = plain.toLowerCase(java.util.Locale.ROOT);
            double value = name.contains("nan") ? Double.NaN : Double.POSITIVE_INFINITY;
            return name.startsWith("-") ? -value : value;
        }
        return plain.length() <= MAX_DIGITS * 4 && plain.matches("[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?")
                ? Double.valueOf(plain)
                : null;
    }

    /** Evaluates {@code int(text, base)}; null where the text is not an int. */
    static Object parseInteger(String text, int base) {
        String trimmed = digitsAsAscii(Text.strip(text, null, true, true)).toLowerCase(java.util.Locale.ROOT);
        boolean negative = trimmed.startsWith("-");
        String digits = negative || trimmed.startsWith("+") ? trimmed.substring(1) : trimmed;
        int radix = base;
        for (String[] prefix : new String[][] {{"0b", "2"}, {"0o", "8"}, {"0x", "16"}}) {
            int of = Integer.parseInt(prefix[1]);
            if (digits.startsWith(prefix[0]) && (base == of || base == 0)) {
                radix = of;
                digits = digits.substring(digits.startsWith("_", 2) ? 3 : 2);
            }
        }
        if (radix == 0) {
            radix = 10;
            if (digits.matches("0[0-9_]*") && !digits.matches("[0_]+")) {
                return null;
            }
        }
        if (radix < 2 || radix > 36 || digits.isEmpty() || digits.length() > MAX_DIGITS * 4) {
            return null;
        }
        boolean fits = digits.matches("[0-9a-z]+(_[0-9a-z]+)*");
        String plain = digits.replace("_", "");
        for (int i = 0; i < plain.length(); i++) {
            fits &= Character.digit(plain.charAt(i), radix) >= 0;
        }
        if (!fits || (Integer.bitCount(radix) != 1 && plain.length() > MAX_DIGITS)) {
            return null;
        }
        BigInteger value = new BigInteger(plain, radix);
        return integer(negative ? value.negate() : value);
    }

    // Python reads the decimal digits of every script.
    private static String digitsAsAscii(String text) {
        if (text.chars().allMatch(c -> c < 0x80)) {
            return text;
        }
        StringBuilder ascii = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (Character.isDigit(c)) {
                ascii.append(Character.digit(c, 10));
            } else {
                ascii.appendCodePoint(c);
            }
        });
        return ascii.toString();
    }

    /** Evaluates {@code int(value)} of a float. */
    static Object truncate(double value) {
        if (Double.isNaN(value)) {
            throw new TemplateError("cannot convert float NaN to integer");
        }
        if (Double.isInfinite(value)) {
            throw new TemplateError("cannot convert float infinity to integer");
        }
        return integer(new BigDecimal(value).toBigInteger());
    }

    /** Evaluates {@code round(value, digits)}: half to even, of the exact value. */
    static Object round(Object value, Object digits) {
        int places = digits == null ? 0 : index(digits, "round");
        if (isInteger(value)) {
            if (places >= 0) {
                return value instanceof Boolean ? integer(big(value)) : value;
            }
            BigDecimal rounded = places < -MAX_DIGITS
                    ? BigDecimal.ZERO
                    : new BigDecimal(big(value)).setScale(places, RoundingMode.HALF_EVEN);
            return integer(rounded.toBigInteger());
        }
        double number = (Double) value;
        if (digits == null) {
            return truncate(Math.rint(number));
        }
        if (!Double.isFinite(number) || number == 0 || places > 330) {
            return number;
        }
        if (places < -330) {
            return Math.copySign(0.0, number);
        }
        double rounded =
                new BigDecimal(number).setScale(places, RoundingMode.HALF_EVEN).doubleValue();
        return rounded == 0 ? Math.copySign(0.0, number) : (Object) rounded;
    }
}
