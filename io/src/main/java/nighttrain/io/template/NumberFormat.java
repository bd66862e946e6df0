package nighttrain.io.template;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Formats the digits of numbers like C's printf and Python's formats, without sign or padding. */
final class NumberFormat {
    private NumberFormat() {}

    /** Formats a float's magnitude, finite or infinite, in one of the types {@code e f g}, or upper-case ones. */
    static String digits(double value, char type, int precision, boolean alternate) {
        boolean upper = Character.isUpperCase(type);
        double magnitude = Math.abs(value);
        String text;
        if (Double.isNaN(value)) {
            text = "nan";
        } else if (Double.isInfinite(magnitude)) {
            text = "inf";
        } else {
            RenderBudget.checkChars(precision + 400L);
            text = switch (Character.toLowerCase(type)) {
                case 'f' -> fixed(magnitude, precision, alternate);
                case 'e' -> scientific(magnitude, precision, alternate);
                default -> general(magnitude, precision, alternate);
            };
        }
        return upper ? text.toUpperCase(Locale.ROOT) : text;
    }

    private static String fixed(double value, int precision, boolean alternate) {
        String text = new BigDecimal(value)
                .setScale(precision, RoundingMode.HALF_EVEN)
                .toPlainString();
        return alternate && precision == 0 ? text + "." : text;
    }

    private static String scientific(double value, int precision, boolean alternate) {
        BigDecimal rounded = value == 0
                ? BigDecimal.ZERO
                : new BigDecimal(value).round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
        int exponent = value == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        String digits = rounded.unscaledValue().toString();
        digits = (digits + "0".repeat(Math.max(0, precision + 1 - digits.length()))).substring(0, precision + 1);
        String point = precision > 0 || alternate ? "." : "";
        return digits.charAt(0) + point + digits.substring(1) + Numbers.exponent(exponent);
    }

    private static String general(double value, int precision, boolean alternate) {
        int significant = Math.max(1, precision);
        BigDecimal rounded = value == 0
                ? BigDecimal.ZERO
                : new BigDecimal(value).round(new MathContext(significant, RoundingMode.HALF_EVEN));
        int exponent = value == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        String text = exponent < -4 || exponent >= significant
                ? scientific(value, significant - 1, alternate)
                : fixed(value, significant - 1 - exponent, alternate);
        if (alternate) {
            return text;
        }
        int e = text.indexOf('e');
        String mantissa = e < 0 ? text : text.substring(0, e);
        String tail = e < 0 ? "" : text.substring(e);
        return (mantissa.contains(".") ? mantissa.replaceFirst("0+$", "").replaceFirst("\\.$", "") : mantissa) + tail;
    }

    /** Pads a text to a width: {@code align} is one of {@code < > ^}. */
    static String aligned(String text, int width, String fill, char align) {
        int missing = Math.max(0, width - Text.length(text));
        RenderBudget.checkChars((long) text.length() + missing);
        int left = align == '<' ? 0 : align == '>' ? missing : missing / 2;
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    /** Pads a number to a width with zeros between its sign and prefix and its digits. */
    static String zeroFilled(String sign, String digits, int width) {
        int missing = Math.max(0, width - sign.length() - digits.length());
        RenderBudget.checkChars((long) digits.length() + missing);
        return sign + "0".repeat(missing) + digits;
    }
}
