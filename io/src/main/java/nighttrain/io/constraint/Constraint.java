package nighttrain.io.constraint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import nighttrain.io.UserError;

/** A requirement that a generated text must meet. It is a value: {@link Constraints} compiles it for a vocabulary. */
public sealed interface Constraint extends Serializable {
    /** The text after which the constraint begins, such as the end of a model's reasoning; empty where all text is constrained. */
    String after();

    /** One of several texts. */
    record Choices(List<String> choices, String after) implements Constraint {
        private static final int MAX_BYTES = 1000;

        /**
         * @throws UserError where there are none, or one is empty, duplicate or too long
         */
        public Choices {
            choices = List.copyOf(choices);
            if (choices.isEmpty()) {
                throw UserError.of("no choices", "none", "at least one is needed; use choices separated by commas");
            }
            Set<String> seen = new HashSet<>();
            for (String choice : choices) {
                int bytes = choice.getBytes(StandardCharsets.UTF_8).length;
                if (choice.isEmpty()) {
                    throw UserError.of("empty choice", choices, "each has at least one character; leave it out");
                }
                if (!seen.add(choice)) {
                    throw UserError.of("choice given twice", choice, "each may be there once; leave one out");
                }
                if (bytes > MAX_BYTES) {
                    throw UserError.of(
                            "choice too long", bytes + " bytes", "at most " + MAX_BYTES + "; use shorter choices");
                }
            }
        }
    }

    /** A text that a regular expression matches as a whole; the syntax is the common part of Java's and ECMAScript's. */
    record Regex(String pattern, String after) implements Constraint {}

    /** JSON without white space that satisfies a schema; {@code schema} is the schema's text. */
    record JsonSchema(String schema, String after) implements Constraint {
        private static final JsonMapper MAPPER = JsonMapper.builder()
                .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();

        /**
         * Removes white space from the schema.
         *
         * @throws UserError where it is not JSON
         */
        public JsonSchema {
            schema = parsed(schema).toString();
        }

        JsonNode node() {
            return parsed(schema);
        }

        private static JsonNode parsed(String schema) {
            try {
                JsonNode node = MAPPER.readTree(schema);
                if (node.isObject() || node.isBoolean()) {
                    return node;
                }
                throw UserError.of("not a JSON schema", beginning(schema), "an object is expected; correct it");
            } catch (JsonProcessingException e) {
                String reason = e.getOriginalMessage().lines().findFirst().orElse("damaged");
                throw UserError.of("JSON schema that is not JSON", beginning(schema), reason + "; correct it", e);
            } catch (NumberFormatException huge) { // of the exponent, which Jackson leaves to BigDecimal
                throw UserError.of(
                        "number out of range in the JSON schema",
                        beginning(schema),
                        "an exponent fits 32 bits; use a smaller one",
                        huge);
            }
        }

        private static String beginning(String text) {
            return text.length() <= 100 ? text : text.substring(0, 100) + "...";
        }
    }

    /** Any JSON object without white space, of bounded depth. */
    record JsonObject(String after) implements Constraint {}

    /** Returns a hash that is equal for equal constraints in every JVM: SHA-256, in hexadecimal digits. */
    default String hash() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(canonical().getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has it", e);
        }
    }

    private String canonical() {
        StringBuilder text = new StringBuilder(getClass().getSimpleName());
        if (this instanceof Choices choices) {
            choices.choices.forEach(choice -> part(text, choice));
        } else if (this instanceof Regex regex) {
            part(text, regex.pattern);
        } else if (this instanceof JsonSchema schema) {
            part(text, schema.schema);
        }
        text.append(" after");
        part(text, after());
        return text.toString();
    }

    private static void part(StringBuilder text, String part) {
        text.append(' ').append(part.length()).append(':').append(part);
    }
}
