package nighttrain.pipeline.job;

import java.security.SecureRandom;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Names of runs: each is new, and they sort by time. */
public final class RunId {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmssSSS").withZone(ZoneOffset.UTC);
    private static final SecureRandom RANDOM = new SecureRandom();

    private RunId() {}

    /** One that nobody had before: {@code 20261122T081500123-9f3a01}. */
    public static String next() {
        return TIME.format(Instant.now()) + "-" + String.format("%06x", RANDOM.nextInt(1 << 24));
    }
}
