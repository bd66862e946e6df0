package nighttrain.executor.device.cuda.step;

import java.nio.IntBuffer;
import nighttrain.executor.device.cuda.kernel.Struct;

/** Writes a step's inputs one behind the other, and step_inputs.cu's {@code Layout}, which says where each belongs. */
public final class PackedInputs {
    private final IntBuffer ints;
    private final Struct layout;
    private int size;
    private int tableWidth;

    /**
     * @param packed where the device will have {@code ints}
     * @param sampled where it has the tokens that the step before sampled
     */
    PackedInputs(IntBuffer ints, long packed, long sampled) {
        this.ints = ints;
        this.layout = new Struct().pointer(packed).pointer(sampled);
    }

    /** Adds {@code values}, which belong at {@code target}. */
    void put(long target, int[] values) {
        ints.put(skip(target, values.length), values);
    }

    /** Leaves room for {@code count} values, which belong at {@code target}, and returns where. */
    int skip(long target, int count) {
        int from = size;
        layout.pointer(target).integer(from).integer(count);
        size += count;
        return from;
    }

    /**
     * After all else: page tables of {@code width} entries, sequence by sequence, {@code groups} of each. From {@code target} on, a
     * sequence's belong {@code sequenceStride} entries after the last's, and its groups' {@code groupStride} apart.
     */
    void beginTables(long target, int sequenceStride, int groupStride, int width, int sequences, int groups) {
        layout.pointer(target)
                .integer(sequenceStride)
                .integer(groupStride)
                .integer(size)
                .integer(width)
                .integer(sequences)
                .integer(groups);
        tableWidth = width;
    }

    void putTable(int[] table, int entries) {
        ints.put(size, table, 0, entries);
        size += tableWidth;
    }

    /** Values so far. */
    int size() {
        return size;
    }

    Struct layout() {
        return layout;
    }
}
