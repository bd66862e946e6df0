package nighttrain.io.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.NullNode;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import nighttrain.io.UserError;

/**
 * Parses a JSON Schema (draft 2020-12) into a {@link Shape}. Keywords that only describe are ignored. A keyword that constrains and is not listed
 * here is refused with its place, since texts that violate it would be written silently. References are followed; a schema that contains itself is
 * followed {@value #MAX_RECURSION} times, and deeper occurrences have no values.
 */
final class SchemaParser {
    /** Most levels at which a schema may contain itself. */
    static final int MAX_RECURSION = 5;

    private static final int MAX_DEPTH = 200;
    private static final int MAX_PARTS = 100_000;

    private static final Set<String> DESCRIBE = Set.of(
            "title",
            "description",
            "default",
            "example",
            "examples",
            "$schema",
            "$id",
            "$anchor",
            "$comment",
            "$vocabulary",
            "deprecated",
            "readOnly",
            "writeOnly",
            "$defs",
            "definitions",
            "contentEncoding",
            "contentMediaType",
            "contentSchema");

    private static final List<String> TYPES = List.of("string", "number", "boolean", "null", "array", "object");
    private static final Set<String> OF_TEXT = Set.of("minLength", "maxLength", "pattern", "format");
    private static final Set<String> OF_NUMBER =
            Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");
    private static final Set<String> OF_ARRAY = Set.of("items", "prefixItems", "minItems", "maxItems", "uniqueItems");
    private static final Set<String> OF_OBJECT = Set.of("properties", "required", "additionalProperties");
    private static final Set<String> OF_ANY = Set.of("type", "enum", "const", "allOf", "anyOf", "oneOf", "$ref");

    private final JsonNode root;
    private final boolean once;
    private final IdentityHashMap<JsonNode, Integer> open = new IdentityHashMap<>();
    private int depth;
    private int parts;
    /** Whether shapes are of what satisfies a schema, instead of what is written by it; their cases may overlap. */
    private boolean reads;
    /** Schemas so far that write fewer types than satisfy them. */
    private int withoutTypes;

    private SchemaParser(JsonNode root, boolean once) {
        this.root = root;
        this.once = once;
    }

    /**
     * Parses a schema: an object, {@code true} or {@code false}.
     *
     * @throws UserError where it is not a schema, or constrains in a way that is not supported
     */
    static Shape parse(JsonNode schema) {
        return new SchemaParser(schema, false).schema(schema, "#");
    }

    /** Like {@link #parse}, with {@link Shape.Self} in each place where a schema contains itself: for types, not for texts. */
    static Shape parseOnce(JsonNode schema) {
        SchemaParser parser = new SchemaParser(schema, true);
        parser.open.put(schema, 1);
        return parser.schema(schema, "#");
    }

    private static UserError bad(String path, Object value, String wayOut) {
        return UserError.of("bad JSON schema at " + path, value, wayOut);
    }

    private static UserError unsupported(String path, String keyword, String wayOut) {
        return UserError.of("unsupported keyword in the JSON schema at " + path, keyword, wayOut);
    }

    private static UserError unsatisfiable(String path, Object value, String reason) {
        return UserError.of("JSON schema that no value satisfies, at " + path, value, reason);
    }

    private Shape schema(JsonNode schema, String path) {
        if (schema.isBoolean()) {
            return schema.booleanValue() ? Shape.Known.ANY : Shape.Known.NEVER;
        }
        if (!schema.isObject()) {
            throw bad(path, schema, "a schema is an object, true or false; correct it");
        }
        if (++parts > MAX_PARTS || depth > MAX_DEPTH) {
            throw Limits.exceeded(
                    parts > MAX_PARTS
                            ? "over " + MAX_PARTS + " parts at " + path
                            : "over " + MAX_DEPTH + " levels at " + path,
                    "references followed");
        }
        depth++;
        checkKeywords(schema, path);
        Shape shape = own(schema, path);
        for (int i = 0; i < schema.path("allOf").size(); i++) {
            shape = Shape.both(shape, schema(schema.get("allOf").get(i), path + "/allOf/" + i));
        }
        shape = cases(schema, "anyOf", shape, path);
        shape = cases(schema, "oneOf", shape, path);
        if (schema.has("$ref")) {
            shape = Shape.both(reference(schema.get("$ref"), path), shape);
        }
        depth--;
        return shape;
    }

    private static void checkKeywords(JsonNode schema, String path) {
        schema.fieldNames().forEachRemaining(keyword -> {
            boolean known = DESCRIBE.contains(keyword)
                    || keyword.startsWith("x-")
                    || OF_ANY.contains(keyword)
                    || OF_TEXT.contains(keyword)
                    || OF_NUMBER.contains(keyword)
                    || OF_ARRAY.contains(keyword)
                    || OF_OBJECT.contains(keyword);
            if (!known) {
                throw unsupported(path, keyword, "it may constrain the text; leave it out or say it by other keywords");
            }
        });
        for (String list : List.of("allOf", "anyOf", "oneOf")) {
            if (schema.has(list)
                    && (!schema.get(list).isArray() || schema.get(list).isEmpty())) {
                throw bad(path + "/" + list, schema.get(list), "a list of schemas; correct it");
            }
        }
    }

    private Shape cases(JsonNode schema, String keyword, Shape base, String path) {
        if (!schema.has(keyword)) {
            return base;
        }
        List<Shape> cases = new ArrayList<>();
        long count = 0;
        int withoutTypesBefore = withoutTypes;
        for (int i = 0; i < schema.get(keyword).size(); i++) {
            Shape each = Shape.both(base, schema(schema.get(keyword).get(i), path + "/" + keyword + "/" + i));
            count += each.caseCount();
            Limits.checkCases(count);
            cases.add(each);
        }
        if (keyword.equals("oneOf") && !once && !reads) {
            boolean readsAsWritten = withoutTypes == withoutTypesBefore;
            checkApart(cases, readsAsWritten ? cases : read(schema.get(keyword), base, path), path);
        }
        return Shape.either(cases);
    }

    /** Returns what satisfies each case. */
    private List<Shape> read(JsonNode cases, Shape base, String path) {
        List<Shape> read = new ArrayList<>();
        reads = true;
        for (int i = 0; i < cases.size(); i++) {
            read.add(Shape.both(base, schema(cases.get(i), path + "/oneOf/" + i)));
        }
        reads = false;
        return read;
    }

    /** Refuses cases of which a written text satisfies another, if only by a type that the other does not write. */
    private static void checkApart(List<Shape> written, List<Shape> read, String path) {
        for (int i = 0; i < written.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (!Shape.disjoint(written.get(i), read.get(j)) || !Shape.disjoint(read.get(i), written.get(j))) {
                    throw UserError.of(
                            "oneOf whose cases overlap, in the JSON schema at " + path,
                            "cases " + (j + 1) + " and " + (i + 1),
                            "one value could satisfy both; use anyOf, or tell them apart by a required property with a const");
                }
            }
        }
    }

    private Shape reference(JsonNode reference, String path) {
        String text = reference.asText();
        JsonNode target = text.startsWith("#") ? place(text.substring(1)) : null;
        if (!reference.isTextual() || target == null || target.isMissingNode()) {
            throw unsupported(path, "$ref " + reference, "no such place in the schema; use #/$defs/NAME");
        }
        int times = open.merge(target, 1, Integer::sum);
        if (once && times > 1) {
            open.put(target, times - 1);
            return new Shape.Self();
        }
        Shape shape = times > MAX_RECURSION ? Shape.Known.NEVER : schema(target, text);
        open.put(target, times - 1);
        return shape;
    }

    /** Returns the node at a JSON pointer in a URI; null if the text is no pointer. */
    private JsonNode place(String pointer) {
        try {
            return root.at(URLDecoder.decode(pointer.replace("+", "%2B"), StandardCharsets.UTF_8));
        } catch (IllegalArgumentException none) {
            return null;
        }
    }

    /** Returns the shape of a schema's own keywords, without its cases and references. */
    private Shape own(JsonNode schema, String path) {
        List<Shape> byType = new ArrayList<>();
        Set<String> types = types(schema, path);
        for (String type : types) {
            byType.add(
                    switch (type) {
                        case "string" -> text(schema, path);
                        case "integer", "number" -> number(schema, type, path);
                        case "boolean" -> new Shape.Literals(List.of(BooleanNode.TRUE, BooleanNode.FALSE));
                        case "null" -> new Shape.Literals(List.of(NullNode.instance));
                        case "array" -> array(schema, path);
                        case "object" -> object(schema, path);
                        default ->
                            throw bad(
                                    path + "/type",
                                    type,
                                    "string, number, integer, boolean, null, array and object are types; correct it");
                    });
        }
        Shape shape = types.isEmpty() ? Shape.Known.ANY : Shape.either(byType);
        if (schema.has("const")) {
            shape = Shape.both(shape, new Shape.Literals(List.of(schema.get("const"))));
        }
        if (schema.has("enum")) {
            JsonNode values = schema.get("enum");
            if (!values.isArray() || values.isEmpty()) {
                throw unsatisfiable(path + "/enum", values, "a list of values is needed; correct it");
            }
            List<JsonNode> literals = new ArrayList<>();
            values.forEach(literals::add);
            shape = Shape.both(shape, new Shape.Literals(literals));
        }
        if (shape.isNever()) {
            throw unsatisfiable(
                    path,
                    schema.has("const") ? schema.get("const") : schema.path("enum"),
                    "other keywords refuse it; correct it");
        }
        return shape;
    }

    /**
     * Returns the types that the schema names. A schema without types writes the types that its keywords apply to. Beside an enum or a const, and for
     * the question what satisfies the schema, a schema without types has all types, since a keyword restricts its own types alone.
     */
    private Set<String> types(JsonNode schema, String path) {
        Set<String> types = new TreeSet<>();
        JsonNode type = schema.path("type");
        if (type.isTextual()) {
            types.add(type.textValue());
        } else if (type.isArray() && !type.isEmpty()) {
            type.forEach(each -> types.add(each.asText()));
        } else if (!type.isMissingNode()) {
            throw bad(path + "/type", type, "a type or a list of types; correct it");
        } else if (!reads && !schema.has("enum") && !schema.has("const")) {
            addIf(types, "string", schema, OF_TEXT);
            addIf(types, "number", schema, OF_NUMBER);
            addIf(types, "array", schema, OF_ARRAY);
            addIf(types, "object", schema, OF_OBJECT);
            withoutTypes += types.isEmpty() ? 0 : 1;
        } else if (Stream.of(OF_TEXT, OF_NUMBER, OF_ARRAY, OF_OBJECT)
                .anyMatch(keywords -> keywords.stream().anyMatch(schema::has))) {
            types.addAll(TYPES);
        }
        if (types.contains("number")) {
            types.remove("integer");
        }
        return types;
    }

    private static void addIf(Set<String> types, String type, JsonNode schema, Set<String> keywords) {
        if (keywords.stream().anyMatch(schema::has)) {
            types.add(type);
        }
    }

    private static Integer count(JsonNode schema, String keyword, String path) {
        if (!schema.has(keyword)) {
            return null;
        }
        JsonNode value = schema.get(keyword);
        if (!value.isNumber()
                || value.decimalValue().stripTrailingZeros().scale() > 0
                || value.decimalValue().signum() < 0) {
            throw bad(path + "/" + keyword, value, "a whole number, 0 or more; correct it");
        }
        return value.decimalValue().min(BigDecimal.valueOf(Integer.MAX_VALUE)).intValue();
    }

    private static void checkOrder(Integer least, Integer most, String path, String keyword) {
        if (least != null && most != null && least > most) {
            throw unsatisfiable(
                    path + "/" + keyword, least, "at most " + most + " by its other bound; correct one of them");
        }
    }

    private static Shape text(JsonNode schema, String path) {
        Integer least = count(schema, "minLength", path);
        Integer most = count(schema, "maxLength", path);
        checkOrder(least, most, path, "minLength");
        List<Regex> patterns = new ArrayList<>();
        if (schema.has("pattern")) {
            if (!schema.get("pattern").isTextual()) {
                throw bad(path + "/pattern", schema.get("pattern"), "a regular expression; correct it");
            }
            patterns.add(RegexParser.parse(schema.get("pattern").textValue(), "pattern at " + path));
        }
        Set<String> formats = Set.of();
        if (schema.has("format")) {
            String format = schema.get("format").asText();
            if (!Formats.has(format)) {
                throw unsupported(
                        path, "format " + format, Formats.names() + " are supported; use one of them, or a pattern");
            }
            formats = Set.of(format);
        }
        Shape.Text text = new Shape.Text(least == null ? 0 : least, most, patterns, formats);
        if (!text.isAny() && text.values().getNumStates() == 0) {
            throw unsatisfiable(path, "type string", "its pattern, format and length refuse every text; correct them");
        }
        return text;
    }

    private static Shape number(JsonNode schema, String type, String path) {
        boolean whole = type.equals("integer");
        Shape.Bound least = bound(schema, "minimum", false, path);
        Shape.Bound most = bound(schema, "maximum", false, path);
        Shape.Bound above = bound(schema, "exclusiveMinimum", true, path);
        Shape.Bound below = bound(schema, "exclusiveMaximum", true, path);
        BigDecimal multipleOf = null;
        if (schema.has("multipleOf")) {
            JsonNode value = schema.get("multipleOf");
            if (!value.isNumber() || value.decimalValue().signum() <= 0) {
                throw bad(path + "/multipleOf", value, "a number above 0; correct it");
            }
            multipleOf = value.decimalValue();
            if (!Decimals.fits(multipleOf) || Decimals.remainders(multipleOf) > Decimals.MAX_REMAINDERS) {
                throw unsupported(path, "multipleOf " + value, "it has too many digits; use one with fewer");
            }
        }
        Shape shape = Shape.both(
                new Shape.Numeric(whole, least, most, multipleOf), new Shape.Numeric(whole, above, below, null));
        if (shape.isNever() || Decimals.of((Shape.Numeric) shape).getNumStates() == 0) {
            throw unsatisfiable(path, "type " + type, "its bounds and multipleOf refuse every number; correct them");
        }
        return shape;
    }

    private static Shape.Bound bound(JsonNode schema, String keyword, boolean strict, String path) {
        if (!schema.has(keyword)) {
            return null;
        }
        JsonNode value = schema.get(keyword);
        if (!value.isNumber()) {
            throw bad(path + "/" + keyword, value, "a number; correct it");
        }
        if (!Decimals.fits(value.decimalValue())) {
            throw unsupported(
                    path,
                    keyword + " " + value,
                    "numbers are written with " + Decimals.INTEGER_DIGITS + " digits before the point and "
                            + Decimals.FRACTION_DIGITS + " after it; use a bound with fewer");
        }
        return new Shape.Bound(value.decimalValue(), strict);
    }

    private Shape array(JsonNode schema, String path) {
        if (schema.path("uniqueItems").asBoolean()) {
            throw unsupported(path, "uniqueItems", "an automaton does not remember items; leave it out");
        }
        Integer least = count(schema, "minItems", path);
        Integer most = count(schema, "maxItems", path);
        checkOrder(least, most, path, "minItems");
        List<Shape> first = new ArrayList<>();
        JsonNode prefix = schema.path("prefixItems");
        if (!prefix.isMissingNode() && !prefix.isArray()) {
            throw bad(path + "/prefixItems", prefix, "a list of schemas; correct it");
        }
        for (int i = 0; i < prefix.size(); i++) {
            first.add(schema(prefix.get(i), path + "/prefixItems/" + i));
        }
        JsonNode items = schema.path("items");
        if (items.isArray()) {
            throw unsupported(path, "items with a list", "it is called prefixItems since draft 2020-12; use that");
        }
        boolean writesItems = !items.isMissingNode() || first.isEmpty();
        Shape item = items.isMissingNode() ? Shape.Known.ANY : schema(items, path + "/items");
        return new Shape.Array(first, item, least == null ? 0 : least, most, writesItems);
    }

    private Shape object(JsonNode schema, String path) {
        Map<String, Shape.Property> properties = new LinkedHashMap<>();
        Set<String> required = new TreeSet<>();
        JsonNode names = schema.path("required");
        if (!names.isMissingNode() && !names.isArray()) {
            throw bad(path + "/required", names, "a list of names; correct it");
        }
        names.forEach(name -> required.add(name.asText()));
        JsonNode declared = schema.path("properties");
        if (!declared.isMissingNode() && !declared.isObject()) {
            throw bad(path + "/properties", declared, "an object of schemas; correct it");
        }
        declared.properties()
                .forEach(each -> properties.put(
                        each.getKey(),
                        new Shape.Property(
                                schema(each.getValue(), path + "/properties/" + each.getKey()),
                                required.contains(each.getKey()))));
        JsonNode additional = schema.path("additionalProperties");
        Shape others =
                additional.isMissingNode() ? Shape.Known.ANY : schema(additional, path + "/additionalProperties");
        for (String name : required) {
            if (!properties.containsKey(name) && others.isNever()) {
                throw unsatisfiable(path + "/required", name, "additionalProperties refuses it; add it to properties");
            }
            properties.putIfAbsent(name, new Shape.Property(others, true));
        }
        boolean free = additional.isMissingNode() || additional.isBoolean();
        return new Shape.Obj(properties, others, free ? properties.isEmpty() : true);
    }
}
