package nighttrain.pipeline.settings;

import java.io.Serializable;

/**
 * The number of rows that may fail before the whole job counts as failed: {@code 10} rows, or a share, {@code 5%} or {@code 0.05}.
 *
 * @param limit rows, or a share of them from 0 to 1
 * @param isShare whether {@code limit} is a share
 */
public record MaxRowErrors(double limit, boolean isShare) implements Serializable {
    public static final SettingType<MaxRowErrors> TYPE =
            SettingType.one("a number of rows or a share of them, such as 10, 5% or 0.05", MaxRowErrors::parse);

    public MaxRowErrors {
        if (!(limit >= 0) || (isShare && limit > 1)) {
            throw new IllegalArgumentException("out of range");
        }
    }

    /** Returns a limit that is a share of all rows, from 0 to 1. */
    public static MaxRowErrors share(double share) {
        return new MaxRowErrors(share, true);
    }

    /** Whether this many errors are more than allowed. */
    public boolean exceededBy(long errors, long rows) {
        return errors > (isShare ? limit * rows : limit);
    }

    private static MaxRowErrors parse(String text) {
        String number = text.strip();
        if (number.endsWith("%")) {
            return share(Double.parseDouble(number.substring(0, number.length() - 1)) / 100);
        }
        return number.contains(".")
                ? share(Double.parseDouble(number))
                : new MaxRowErrors(Long.parseLong(number), false);
    }

    @Override
    public String toString() {
        String digits = new java.math.BigDecimal(String.valueOf(isShare ? limit * 100 : limit))
                .round(new java.math.MathContext(12))
                .stripTrailingZeros()
                .toPlainString();
        return isShare ? digits + "%" : digits;
    }
}
