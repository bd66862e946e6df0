package nighttrain.executor.cache;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.CacheSpec.RecurrentState;
import nighttrain.io.spec.KvFormat;

/**
 * How one replica's cache is cut. Layers with equal specs form a group: a sequence has the same pages in all of them.
 *
 * @param pageTokens tokens in one page
 * @param groups of layers that keep pages
 * @param slots fixed states, one a sequence; 0 where no layer has one
 * @param snapshots slots beside those, for states at the ends of prefixes
 * @param slotBytes of one slot, of all layers and over all ranks
 */
public record CacheLayout(int pageTokens, List<Group> groups, int slots, int snapshots, long slotBytes)
        implements Serializable {
    /** Snapshots that are worth their memory where there is plenty: of what all prompts begin with, and of what the latest do. */
    public static final int ENOUGH_SNAPSHOTS = 8;

    /** Without fixed states. */
    public CacheLayout(int pageTokens, List<Group> groups) {
        this(pageTokens, groups, 0, 0, 0);
    }

    /**
     * Layers that are alike.
     *
     * @param layers their numbers in the model, ascending
     * @param pages that their sequences share
     */
    public record Group(PagedKv spec, List<Integer> layers, int pages) implements Serializable {
        long pageBytes(int pageTokens) {
            return spec.bytesPerToken() * layers.size() * pageTokens;
        }
    }

    /** One group without a window: what a cache comes to that nothing is known of but its pages. */
    public static CacheLayout ofPages(int pageTokens, int pages) {
        return ofPages(pageTokens, pages, KvFormat.PLAIN);
    }

    /** The same, of keys and values in this format. */
    public static CacheLayout ofPages(int pageTokens, int pages, KvFormat format) {
        return new CacheLayout(pageTokens, List.of(new Group(new PagedKv(0, 0, 0, 0, format), List.of(0), pages)));
    }

    /** Of these layers, {@code pages} pages in every group and {@code slots} slots where a layer has a state. */
    public static CacheLayout of(List<CacheSpec> layers, int pageTokens, int pages, int slots) {
        Map<PagedKv, List<Integer>> groups = new LinkedHashMap<>();
        long slotBytes = 0;
        for (int layer = 0; layer < layers.size(); layer++) {
            if (layers.get(layer) instanceof PagedKv paged) {
                groups.computeIfAbsent(paged, spec -> new ArrayList<>()).add(layer);
            }
            slotBytes += layers.get(layer) instanceof RecurrentState state ? state.bytes() : 0;
        }
        return new CacheLayout(
                pageTokens,
                groups.entrySet().stream()
                        .map(group -> new Group(group.getKey(), List.copyOf(group.getValue()), pages))
                        .toList(),
                slotBytes > 0 ? slots : 0,
                0,
                slotBytes);
    }

    /** The same with slots for {@code count} snapshots, where a layer has a state. */
    public CacheLayout withSnapshots(int count) {
        return new CacheLayout(pageTokens, groups, slots, hasStates() ? count : 0, slotBytes);
    }

    /** The group that {@code layer} is in; where there is one, all layers are. */
    public int groupOf(int layer) {
        for (int group = 0; group < groups.size(); group++) {
            if (groups.size() == 1 || groups.get(group).layers().contains(layer)) {
                return group;
            }
        }
        throw new IllegalArgumentException("layer without pages: " + layer);
    }

    /** Pages in all. */
    public int pages() {
        return groups.stream().mapToInt(Group::pages).sum();
    }

    /** Whether layers keep a state: a prefix can then be reused only where a snapshot was saved of it. */
    public boolean hasStates() {
        return slotBytes > 0;
    }

    /** Whether there is room for what prefixes leave: beside a sequence's state, for a snapshot. */
    public boolean canSharePrefixes() {
        return !hasStates() || slots + snapshots > 1;
    }

    /** The slot that belongs to no sequence and no snapshot. */
    public int scratchSlot() {
        return slots + snapshots;
    }

    /** What pages and slots fill, over all ranks. */
    public long bytes() {
        return slotBytes(slots + snapshots)
                + groups.stream()
                        .mapToLong(group -> group.pageBytes(pageTokens) * group.pages())
                        .sum();
    }

    /** What {@code count} slots fill, and the one that belongs to no sequence. */
    long slotBytes(int count) {
        return hasStates() ? (count + 1) * slotBytes : 0;
    }

    /** How many sequences of {@code tokens} tokens pages and slots hold, in decode steps. */
    public double sequences(int tokens) {
        return groups.stream()
                .mapToDouble(group -> (double) group.pages() / group.spec().pages(tokens, 1, pageTokens))
                .reduce(hasStates() ? slots : Double.POSITIVE_INFINITY, Math::min);
    }
}
