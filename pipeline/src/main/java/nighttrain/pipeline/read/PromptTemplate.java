package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.to_json;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;

/**
 * A prompt text with column names in braces, such as {@code Classify: {title}}; <code>{{</code> and <code>}}</code> stand for braces.
 *
 * @param parts parts in the order of the text
 */
public record PromptTemplate(List<Part> parts) {
    /** Literal text or a column's name. */
    public record Part(String text, boolean isColumn) {}

    static PromptTemplate parse(String template) {
        if (template.isEmpty()) {
            throw broken("\"\"", "it is empty");
        }
        List<Part> parts = new ArrayList<>();
        StringBuilder literal = new StringBuilder();
        int at = 0;
        while (at < template.length()) {
            char here = template.charAt(at);
            boolean doubled = at + 1 < template.length() && template.charAt(at + 1) == here;
            if ((here == '{' || here == '}') && doubled) {
                literal.append(here);
                at += 2;
            } else if (here == '{') {
                int end = closing(template, at);
                parts.add(new Part(literal.toString(), false));
                parts.add(new Part(template.substring(at + 1, end), true));
                literal.setLength(0);
                at = end + 1;
            } else if (here == '}') {
                throw broken(template, "} without {");
            } else {
                literal.append(here);
                at++;
            }
        }
        parts.add(new Part(literal.toString(), false));
        parts.removeIf(part -> !part.isColumn() && part.text().isEmpty());
        return new PromptTemplate(parts);
    }

    /** Returns the prompt of a row with these values. */
    String render(UnaryOperator<String> values) {
        return parts.stream()
                .map(part -> part.isColumn() ? values.apply(part.text()) : part.text())
                .collect(Collectors.joining());
    }

    /** Returns the names of the columns in the text. */
    List<String> columns() {
        return parts.stream().filter(Part::isColumn).map(Part::text).toList();
    }

    /** Returns the prompt as a column; it is null in rows where one of its columns is. */
    Column asColumn(StructType schema) {
        return concat(parts.stream()
                .map(part -> part.isColumn() ? asText(schema, part.text()) : lit(part.text()))
                .toArray(Column[]::new));
    }

    private static Column asText(StructType schema, String name) {
        DataType type = schema.apply(name).dataType();
        if (type.equals(DataTypes.BinaryType)) {
            throw UserError.of(
                    "wrong column type",
                    name + " is binary",
                    "a prompt is text; name another column, or " + Columns.BINARY_IS_TEXT);
        }
        boolean nested = type instanceof StructType || type instanceof ArrayType || type instanceof MapType;
        return nested ? to_json(Columns.quoted(name)) : Columns.quoted(name).cast(DataTypes.StringType);
    }

    private static int closing(String template, int open) {
        int end = template.indexOf('}', open);
        if (end < 0) {
            throw broken(template, "{ without }");
        }
        if (end == open + 1) {
            throw broken(template, "{} without a column's name");
        }
        return end;
    }

    private static UserError broken(String template, String what) {
        return UserError.of(
                "bad value of --prompt", template, what + "; write {column} for a column, {{ and }} for braces");
    }
}
