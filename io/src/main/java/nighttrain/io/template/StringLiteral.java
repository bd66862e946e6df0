package nighttrain.io.template;

/** What a string literal means: the escapes of Python's codec {@code unicode-escape}, which is what Jinja2 decodes them with. */
final class StringLiteral {
    private final String ascii;
    private final StringBuilder value = new StringBuilder();
    private int at;

    private StringLiteral(String ascii) {
        this.ascii = ascii;
    }

    static String value(String literal) {
        if (literal.indexOf('\\') < 0) {
            return literal;
        }
        // As Jinja2: other characters become escapes first, which shows where a backslash precedes one.
        StringBuilder ascii = new StringBuilder();
        literal.codePoints().forEach(c -> {
            if (c < 0x80) {
                ascii.append((char) c);
            } else {
                ascii.append(String.format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
            }
        });
        return new StringLiteral(ascii.toString()).decode();
    }

    private String decode() {
        while (at < ascii.length()) {
            char c = ascii.charAt(at++);
            if (c != '\\') {
                value.append(c);
            } else if (at == ascii.length()) {
                throw new TemplateError("\\ at end of string");
            } else {
                escape(ascii.charAt(at++));
            }
        }
        return value.toString();
    }

    private void escape(char c) {
        switch (c) {
            case '\n' -> {}
            case '\\', '\'', '"' -> value.append(c);
            case 'a' -> value.append('\u0007');
            case 'b' -> value.append('\b');
            case 'f' -> value.append('\f');
            case 'n' -> value.append('\n');
            case 'r' -> value.append('\r');
            case 't' -> value.append('\t');
            case 'v' -> value.append('\u000b');
            case 'x' -> hex(2);
            case 'u' -> hex(4);
            case 'U' -> hex(8);
            case 'N' -> named();
            default -> {
                if (c >= '0' && c <= '7') {
                    octal(c);
                } else {
                    value.append('\\').append(c);
                }
            }
        }
    }

    private void octal(char first) {
        int code = first - '0';
        for (int i = 0; i < 2 && at < ascii.length() && ascii.charAt(at) >= '0' && ascii.charAt(at) <= '7'; i++) {
            code = code * 8 + ascii.charAt(at++) - '0';
        }
        value.append((char) code);
    }

    private void hex(int digits) {
        String text = ascii.substring(at, Math.min(at + digits, ascii.length()));
        if (!text.matches("[0-9a-fA-F]{" + digits + "}")) {
            throw new TemplateError("truncated escape in a string");
        }
        long code = Long.parseLong(text, 16);
        if (code > Character.MAX_CODE_POINT) {
            throw new TemplateError("illegal Unicode character in a string");
        }
        value.appendCodePoint((int) code);
        at += digits;
    }

    private void named() {
        int end = ascii.indexOf('}', at);
        try {
            if (at >= ascii.length() || ascii.charAt(at) != '{' || end < 0) {
                throw new IllegalArgumentException();
            }
            value.appendCodePoint(Character.codePointOf(ascii.substring(at + 1, end)));
            at = end + 1;
        } catch (IllegalArgumentException unknown) {
            throw new TemplateError("unknown Unicode character name in a string");
        }
    }
}
