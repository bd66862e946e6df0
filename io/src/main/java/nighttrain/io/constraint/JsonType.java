package nighttrain.io.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * The type that all values of a schema share, so that a table can hold them in columns. Where there is no such type, it is {@link Scalar#JSON}: no
 * value is changed or lost. Any value may be null.
 */
public sealed interface JsonType extends Serializable {
    /** Most columns; a schema with more of them is {@link Scalar#JSON} as a whole. */
    int MAX_COLUMNS = 1_000;

    /** An object: its properties by name, in the schema's order; properties that a value lacks are null. */
    record Struct(Map<String, JsonType> properties) implements JsonType {
        private static final long serialVersionUID = 1L;
    }

    /** A list. */
    record Items(JsonType item) implements JsonType {
        private static final long serialVersionUID = 1L;
    }

    /** A type without parts. */
    enum Scalar implements JsonType {
        TEXT,
        /** An integer of 64 bits. */
        LONG,
        /** Any other number, rounded to the nearest 64-bit floating-point number. */
        DOUBLE,
        BOOLEAN,
        /** Any value, as the text of its JSON. */
        JSON
    }

    /**
     * Returns the type of a schema's values.
     *
     * @throws nighttrain.io.UserError where the schema is not supported
     */
    static JsonType of(Constraint.JsonSchema schema) {
        JsonType type = known(of(SchemaParser.parseOnce(schema.node())));
        return type.columns() > MAX_COLUMNS ? Scalar.JSON : type;
    }

    private int columns() {
        if (this instanceof Struct struct) {
            return struct.properties.values().stream()
                    .mapToInt(JsonType::columns)
                    .sum();
        }
        return this instanceof Items list ? list.item.columns() : 1;
    }

    /** {@code null}: no value but null is known. */
    private static JsonType known(JsonType type) {
        return type == null ? Scalar.JSON : type;
    }

    /** Returns the type of a shape; {@code null} where only null satisfies it. */
    private static JsonType of(Shape shape) {
        if (shape instanceof Shape.Text) {
            return Scalar.TEXT;
        }
        if (shape instanceof Shape.Numeric number) {
            return number.whole() ? Scalar.LONG : Scalar.DOUBLE; // integers have at most 18 digits
        }
        if (shape instanceof Shape.Literals literals) {
            return either(literals.values().stream().map(JsonType::of).toList());
        }
        if (shape instanceof Shape.Either either) {
            return either(either.cases().stream().map(JsonType::of).toList());
        }
        if (shape instanceof Shape.Array array) {
            List<JsonType> items = new ArrayList<>();
            array.first().forEach(item -> items.add(of(item)));
            if (array.writesItems() || array.least() > items.size()) {
                items.add(of(array.items()));
            }
            return new Items(known(either(items)));
        }
        if (shape instanceof Shape.Obj object
                && !(object.writesOthers() && !object.others().isNever())) {
            Map<String, JsonType> properties = new LinkedHashMap<>();
            object.properties().forEach((name, property) -> properties.put(name, known(of(property.shape()))));
            return struct(properties);
        }
        return Scalar.JSON;
    }

    private static JsonType of(JsonNode value) {
        return switch (value.getNodeType()) {
            case STRING -> Scalar.TEXT;
            case BOOLEAN -> Scalar.BOOLEAN;
            case NUMBER -> number(value);
            case ARRAY -> {
                List<JsonType> items = new ArrayList<>();
                value.forEach(item -> items.add(of(item)));
                yield new Items(known(either(items)));
            }
            case OBJECT -> {
                Map<String, JsonType> properties = new LinkedHashMap<>();
                value.properties().forEach(each -> properties.put(each.getKey(), known(of(each.getValue()))));
                yield struct(properties);
            }
            default -> null;
        };
    }

    private static JsonType number(JsonNode value) {
        if (value.isIntegralNumber()) {
            return value.canConvertToLong() ? Scalar.LONG : Scalar.JSON;
        }
        return Double.isFinite(value.doubleValue()) ? Scalar.DOUBLE : Scalar.JSON;
    }

    /** Returns the type of an object. Tables have no column without a name and no struct without fields, and most ignore the case of names. */
    private static JsonType struct(Map<String, JsonType> properties) {
        TreeSet<String> names = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        names.addAll(properties.keySet());
        return names.isEmpty() || names.size() < properties.size() || names.contains("")
                ? Scalar.JSON
                : new Struct(properties);
    }

    private static JsonType either(List<JsonType> types) {
        JsonType all = null;
        for (JsonType type : types) {
            all = either(all, type);
        }
        return all;
    }

    private static JsonType either(JsonType a, JsonType b) {
        if (a == null || b == null || a.equals(b)) {
            return a == null ? b : a;
        }
        if (a instanceof Struct x && b instanceof Struct y) {
            Map<String, JsonType> both = new LinkedHashMap<>(x.properties);
            y.properties.forEach((name, type) -> both.merge(name, type, JsonType::either));
            return struct(both);
        }
        if (a instanceof Items x && b instanceof Items y) {
            return new Items(either(x.item, y.item));
        }
        boolean numbers = (a == Scalar.LONG && b == Scalar.DOUBLE) || (a == Scalar.DOUBLE && b == Scalar.LONG);
        return numbers ? Scalar.DOUBLE : Scalar.JSON;
    }
}
