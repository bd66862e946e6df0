package nighttrain.executor.device.cuda.step;

import java.nio.IntBuffer;
import java.util.Arrays;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DevicePointer;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.step.StepLimits;

/** What blocks of a prefill kernel do in a step: each some packed query rows of a sequence, those with the most keys to read first. */
public final class PrefillWork {
    private final StepInputs inputs;
    private final int blockRows;
    private final int rowsPerToken;
    private final int shortest;
    private final long[] byCost;
    private final DeviceMemory.Pinned[] hosts = new DeviceMemory.Pinned[StepTurns.COUNT];
    private final DevicePointer items;
    private int count;

    /**
     * @param blockRows query rows that a block takes
     * @param rowsPerToken query heads that share a key head
     * @param shortest sequences with fewer tokens in the step are not the prefill kernel's
     */
    public PrefillWork(
            StepInputs inputs, StepLimits limits, DeviceMemory memory, int blockRows, int rowsPerToken, int shortest) {
        this.inputs = inputs;
        this.blockRows = blockRows;
        this.rowsPerToken = rowsPerToken;
        this.shortest = shortest;
        this.byCost =
                new long[limits.maxSequences() + (int) ((long) limits.maxTokens() * rowsPerToken / blockRows) + 1];
        this.items = memory.allocate("prefill work", byCost.length * 2L * Integer.BYTES);
        for (int turn = 0; turn < StepTurns.COUNT; turn++) {
            hosts[turn] = memory.pinned(byCost.length * 2L * Integer.BYTES);
        }
    }

    /** Enqueues the work of the step whose inputs were taken last. */
    public void upload(int turn, Stream stream) {
        count = 0;
        for (int s = 0; s < inputs.batch().sequences(); s++) {
            int length = inputs.queryLength(s);
            int blocks = length < shortest ? 0 : (length * rowsPerToken + blockRows - 1) / blockRows;
            for (int b = 0; b < blocks; b++) {
                long keys = inputs.context(s) - length + Math.min(length, (b + 1L) * blockRows / rowsPerToken);
                byCost[count++] = -keys << 40 | (long) s << 20 | b;
            }
        }
        if (count == 0) {
            return;
        }
        Arrays.sort(byCost, 0, count);
        IntBuffer ints = hosts[turn].view().asIntBuffer();
        for (int i = 0; i < count; i++) {
            ints.put(2 * i, (int) (byCost[i] >> 20 & 0xfffff));
            ints.put(2 * i + 1, (int) (byCost[i] & 0xfffff));
        }
        hosts[turn].copyTo(items, count * 2L * Integer.BYTES, stream);
    }

    /** Blocks that the step needs. */
    public int count() {
        return count;
    }

    public long items() {
        return items.address();
    }
}
