package nighttrain.executor.device.cuda.step;

import java.nio.IntBuffer;
import java.util.Arrays;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.step.StepLimits;

/**
 * The work lists of a kernel that computes sequences in chunks of tokens: all chunks in the order of the sequences, and the sequences, longest first.
 * They are at fixed addresses, so that captured graphs can be replayed.
 */
public final class ChunkWork {
    private final StepInputs inputs;
    private final int chunkTokens;
    private final int shortest;
    private final long[] byLength;
    private final int room;
    private final DeviceMemory.Pinned[] hosts = new DeviceMemory.Pinned[StepTurns.COUNT];
    private final DevicePointer lists;
    private int chunks;
    private int sequences;

    /**
     * @param shortest fewest tokens in the step of a sequence that the kernel computes
     */
    public ChunkWork(StepInputs inputs, StepLimits limits, DeviceMemory memory, int chunkTokens, int shortest) {
        this.inputs = inputs;
        this.chunkTokens = chunkTokens;
        this.shortest = shortest;
        this.byLength = new long[Math.min(limits.maxSequences(), limits.maxTokens() / shortest)];
        this.room = limits.maxTokens() / chunkTokens + byLength.length;
        long bytes = 2L * Integer.BYTES * (room + byLength.length);
        this.lists = memory.allocate("chunks of a step", bytes);
        for (int turn = 0; turn < StepTurns.COUNT; turn++) {
            hosts[turn] = memory.pinned(bytes);
        }
    }

    /** Enqueues the lists of the step that was begun last. */
    public void upload(int turn, Stream stream) {
        IntBuffer ints = hosts[turn].view().asIntBuffer();
        chunks = 0;
        sequences = 0;
        for (int s = 0; s < inputs.batch().sequences(); s++) {
            int length = inputs.queryLength(s);
            if (length < shortest) {
                continue;
            }
            byLength[sequences++] = (long) -length << 40 | (long) s << 20 | chunks;
            for (int chunk = 0; chunk * chunkTokens < length; chunk++, chunks++) {
                ints.put(2 * chunks, s);
                ints.put(2 * chunks + 1, chunk);
            }
        }
        if (chunks == 0) {
            return;
        }
        Arrays.sort(byLength, 0, sequences);
        for (int i = 0; i < sequences; i++) {
            ints.put(2 * (room + i), (int) (byLength[i] >> 20 & 0xfffff));
            ints.put(2 * (room + i) + 1, (int) (byLength[i] & 0xfffff));
        }
        hosts[turn].copyTo(lists, 2L * Integer.BYTES * (room + sequences), stream);
    }

    /** Number of chunks in the step. */
    public int chunkCount() {
        return chunks;
    }

    /** Most chunks that a step may have. */
    public int mostChunks() {
        return room;
    }

    /** Address of the chunks: each has the number of its sequence, and its number among that sequence's chunks. */
    public long chunks() {
        return lists.address();
    }

    /** Number of sequences that have chunks in the step. */
    public int sequenceCount() {
        return sequences;
    }

    /** Address of the sequences that have chunks: each has its number in the step, and the number of its first chunk among all. */
    public long sequences() {
        return lists.address() + 2L * Integer.BYTES * room;
    }
}
