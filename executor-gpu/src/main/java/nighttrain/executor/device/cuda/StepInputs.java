package nighttrain.executor.device.cuda;

import java.nio.IntBuffer;
import java.util.List;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Draw;

/**
 * What varies from step to step, at addresses that never do, so that recordings can be replayed: one copy to the device for
 * everything of fixed length, and one for the page tables.
 */
final class StepInputs {
    private final StepLimits limits;
    private final DeviceMemory.Pinned host;
    private final DevicePointer device;
    private final DeviceMemory.Pinned hostTables;
    private final DevicePointer deviceTables;
    private final DrawTable draws;
    private final int positions;
    private final int slots;
    private final int queryStarts;
    private final int contexts;
    private final int decodes;
    private final int outputRows;
    private final int length;
    private Batch batch = new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of());
    private int decodeCount;

    StepInputs(StepLimits limits, DeviceMemory memory) {
        this.limits = limits;
        int tokenRoom = even(limits.tokens());
        int sequenceRoom = even(limits.sequences() + 1);
        this.positions = tokenRoom;
        this.slots = 2 * tokenRoom;
        this.queryStarts = 3 * tokenRoom;
        this.contexts = queryStarts + sequenceRoom;
        this.decodes = contexts + sequenceRoom;
        this.outputRows = decodes + sequenceRoom;
        int drawsAt = outputRows + even(limits.draws());
        this.length = drawsAt + limits.draws() * DrawTable.INTS;
        this.host = memory.pinned((long) length * Integer.BYTES);
        this.device = memory.allocate("inputs of a step", (long) length * Integer.BYTES);
        long tables = (long) limits.sequences() * limits.pagesPerSequence() * Integer.BYTES;
        this.hostTables = memory.pinned(tables);
        this.deviceTables = memory.allocate("page tables of a step", tables);
        this.draws = new DrawTable(memory, host.view(), drawsAt * Integer.BYTES);
    }

    private static int even(int count) {
        return (count + 1) / 2 * 2;
    }

    /** Puts a step's inputs on the device; the step before must be over. */
    void upload(Batch next, Stream stream) {
        batch = next;
        IntBuffer ints = host.view().asIntBuffer();
        ints.put(0, next.tokens());
        ints.put(positions, next.positions());
        ints.put(queryStarts, next.queryStarts());
        ints.put(outputRows, next.outputRows());
        IntBuffer tables = hostTables.view().asIntBuffer();
        int width = 1;
        for (int s = 0; s < next.sequences(); s++) {
            width = Math.max(width, pages(context(s)));
        }
        decodeCount = 0;
        for (int s = 0; s < next.sequences(); s++) {
            int[] table = next.pageTables()[s];
            tables.put(s * width, table, 0, pages(context(s)));
            ints.put(contexts + s, context(s));
            for (int i = next.queryStarts()[s]; i < next.queryStarts()[s + 1]; i++) {
                int position = next.positions()[i];
                ints.put(
                        slots + i,
                        table[position / limits.pageTokens()] * limits.pageTokens() + position % limits.pageTokens());
            }
            if (queryLength(s) == 1) {
                ints.put(decodes + decodeCount++, s);
            }
        }
        draws.write(next.draws(), stream);
        host.copyTo(device, (long) length * Integer.BYTES, stream);
        copyTables(width, stream);
    }

    private void copyTables(int width, Stream stream) {
        CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.srcHost = hostTables.pointer();
        copy.srcPitch = (long) width * Integer.BYTES;
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = deviceTables;
        copy.dstPitch = (long) limits.pagesPerSequence() * Integer.BYTES;
        copy.WidthInBytes = (long) width * Integer.BYTES;
        copy.Height = batch.sequences();
        JCudaDriver.cuMemcpy2DAsync(copy, stream);
    }

    private int pages(int tokens) {
        return (tokens + limits.pageTokens() - 1) / limits.pageTokens();
    }

    Batch batch() {
        return batch;
    }

    List<Draw> draws() {
        return batch.draws();
    }

    /** Sequences with a single token in the step. */
    int decodeCount() {
        return decodeCount;
    }

    /** Tokens of a sequence in the step. */
    int queryLength(int sequence) {
        return batch.queryStarts()[sequence + 1] - batch.queryStarts()[sequence];
    }

    /** Tokens of a sequence in the cache, this step's included. */
    int context(int sequence) {
        return batch.positions()[batch.queryStarts()[sequence + 1] - 1] + 1;
    }

    long tokens() {
        return device.address();
    }

    long positions() {
        return at(positions);
    }

    long slots() {
        return at(slots);
    }

    long queryStarts() {
        return at(queryStarts);
    }

    long contexts() {
        return at(contexts);
    }

    long decodes() {
        return at(decodes);
    }

    long outputRows() {
        return at(outputRows);
    }

    /** How the step's draws from {@code first} on are to be made. */
    long drawTable(int first) {
        return device.address() + draws.offset() + (long) first * DrawTable.INTS * Integer.BYTES;
    }

    long pageTables() {
        return deviceTables.address();
    }

    private long at(int index) {
        return device.address() + (long) index * Integer.BYTES;
    }
}
