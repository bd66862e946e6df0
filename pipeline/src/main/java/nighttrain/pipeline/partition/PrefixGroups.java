package nighttrain.pipeline.partition;

import java.io.Serializable;
import java.util.Map;
import java.util.TreeMap;

/**
 * Prompts that begin alike, by the hash of their beginning. A group lies at one point of a stretch, so that one task gets it;
 * a large one has a piece of its own, as long as its share, and may be cut.
 */
final class PrefixGroups implements Serializable {
    private static final long serialVersionUID = 1L;

    private record Piece(double from, double width) implements Serializable {}

    private final int prefixChars;
    private final TreeMap<Long, Piece> large = new TreeMap<>();
    private final double largeTogether;

    private PrefixGroups(int prefixChars, Map<Long, Double> shares) {
        this.prefixChars = prefixChars;
        double all =
                Math.max(1, shares.values().stream().mapToDouble(share -> share).sum());
        double at = 0;
        for (Map.Entry<Long, Double> share : new TreeMap<>(shares).entrySet()) {
            double width = share.getValue() / all;
            large.put(share.getKey(), new Piece(at, width));
            at += width;
        }
        this.largeTogether = Math.min(1, at);
    }

    /** No groups. */
    static PrefixGroups none() {
        return new PrefixGroups(0, Map.of());
    }

    /** By their first {@code prefixChars} characters; {@code shares} of the large ones among all prompts. */
    static PrefixGroups of(int prefixChars, Map<Long, Double> shares) {
        return new PrefixGroups(prefixChars, shares);
    }

    boolean isNone() {
        return prefixChars == 0;
    }

    int prefixChars() {
        return prefixChars;
    }

    /** Where on a stretch a prompt stands, 0 to 1. */
    double share(long group, long position) {
        Piece own = large.get(group);
        return own == null
                ? largeTogether + (1 - largeTogether) * Spread.ofHash(group)
                : own.from() + own.width() * Spread.evenly(position);
    }
}
