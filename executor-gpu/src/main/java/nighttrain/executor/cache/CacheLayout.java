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
 * The pages and slots of one replica's cache. Layers with equal specs form a group: a sequence has the same pages in all of them.
 *
 * @param pageTokens tokens in one page
 * @param groups groups of layers that keep pages
 * @param slots slots of fixed states, one per sequence; 0 if no layer has a fixed state
 * @param snapshots further slots, for states at the ends of prefixes
 * @param slotBytes bytes of one slot, of all layers and over all ranks
 */
public record CacheLayout(int pageTokens, List<Group> groups, int slots, int snapshots, long slotBytes)
        implements Serializable {
    /** Most snapshots if memory is plentiful: enough for the prefix that all prompts share, and for the prefixes of the latest prompts. */
    public static final int ENOUGH_SNAPSHOTS = 8;

    /** Makes a layout without fixed states. */
    public CacheLayout(int pageTokens, List<Group> groups) {
        this(pageTokens, groups, 0, 0, 0);
    }

    /**
     * Layers with equal specs.
     *
     * @param layers numbers of the layers in the model, ascending
     * @param pages pages of the group, for all sequences
     */
    public record Group(PagedKv spec, List<Integer> layers, int pages) implements Serializable {
        long pageBytes(int pageTokens) {
            return spec.bytesPerToken() * layers.size() * pageTokens;
        }
    }

    /** Returns a layout of one group without a window, of whose layers nothing is known. */
    public static CacheLayout ofPages(int pageTokens, int pages) {
        return ofPages(pageTokens, pages, KvFormat.PLAIN);
    }

    /** As {@link #ofPages(int, int)}, with keys and values in this format. */
    public static CacheLayout ofPages(int pageTokens, int pages, KvFormat format) {
        return new CacheLayout(pageTokens, List.of(new Group(new PagedKv(0, 0, 0, 0, format), List.of(0), pages)));
    }

    /** Returns a layout of these layers, with {@code pages} pages in every group, and {@code slots} slots if a layer has a state. */
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

    /** Returns the same layout with slots for {@code count} snapshots, if a layer has a state. */
    public CacheLayout withSnapshots(int count) {
        return new CacheLayout(pageTokens, groups, slots, hasStates() ? count : 0, slotBytes);
    }

    /** Returns the group that {@code layer} is in; if there is only one group, all layers are in it. */
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

    /** Returns whether layers keep a state: a prefix can then be reused only if a snapshot of it was saved. */
    public boolean hasStates() {
        return slotBytes > 0;
    }

    /** Returns whether prefixes can be kept: with states, if there is a slot for a snapshot in addition to one for a sequence. */
    public boolean canSharePrefixes() {
        return !hasStates() || slots + snapshots > 1;
    }

    /** The slot that belongs to no sequence and no snapshot. */
    public int scratchSlot() {
        return slots + snapshots;
    }

    /** Returns the bytes of pages and slots, over all ranks. */
    public long bytes() {
        return slotBytes(slots + snapshots) + pageBytes();
    }

    /** Returns the bytes of pages, over all ranks. */
    public long pageBytes() {
        return groups.stream()
                .mapToLong(group -> group.pageBytes(pageTokens) * group.pages())
                .sum();
    }

    /** Returns the bytes of {@code count} slots and of the scratch slot. */
    long slotBytes(int count) {
        return hasStates() ? (count + 1) * slotBytes : 0;
    }

    /** Returns how many sequences of {@code tokens} tokens the pages and slots hold in decode steps. */
    public double sequences(int tokens) {
        return groups.stream()
                .mapToDouble(group -> (double) group.pages() / group.spec().pages(tokens, 1, pageTokens))
                .reduce(hasStates() ? slots : Double.POSITIVE_INFINITY, Math::min);
    }
}
