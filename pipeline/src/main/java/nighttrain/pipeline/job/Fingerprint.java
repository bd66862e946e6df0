package nighttrain.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The named facts that determine a job's results. Two runs may share finished rows only if their fingerprints are equal. Settings of speed
 * (batch sizes, ranks, threads) are not part of it.
 *
 * @param facts values by name, in the order in which people read them
 */
public record Fingerprint(Map<String, String> facts) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final int SHOWN_CHARS = 60;

    public Fingerprint {
        facts = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(facts));
    }

    /** Returns a short digest of all facts. */
    public String digest() {
        return sha256(toJson().getBytes(StandardCharsets.UTF_8)).substring(0, 16);
    }

    /** Returns the changes from {@code earlier} to this, such as {@code maxTokens 256 -> 64}; empty where nothing changed. */
    public List<String> changesSince(Fingerprint earlier) {
        Set<String> names = new LinkedHashSet<>((Collection<String>) facts.keySet());
        names.addAll(earlier.facts.keySet());
        List<String> changes = new ArrayList<>();
        for (String name : names) {
            String before = earlier.facts.get(name);
            String now = facts.get(name);
            if (!Objects.equals(before, now)) {
                changes.add(name + " " + shown(before) + " -> " + shown(now));
            }
        }
        return changes;
    }

    String toJson() {
        try {
            return JSON.writeValueAsString(facts);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static Fingerprint fromJson(String json) {
        try {
            return new Fingerprint(JSON.readValue(json, new TypeReference<LinkedHashMap<String, String>>() {}));
        } catch (JsonProcessingException broken) {
            return new Fingerprint(Map.of("job.json", "unreadable"));
        }
    }

    private static String shown(String value) {
        if (value == null) {
            return "(none)";
        }
        String line = value.replace("\n", "\\n");
        return line.length() <= SHOWN_CHARS ? line : line.substring(0, SHOWN_CHARS) + "...";
    }

    /** Returns the SHA-256 of bytes in hexadecimal. */
    public static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException everyJavaHasIt) {
            throw new IllegalStateException(everyJavaHasIt);
        }
    }
}
