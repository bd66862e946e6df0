package nighttrain.executor.device.cuda.tensor;

import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.cuda.driver.DeviceMemory;

/**
 * bf16 keys and values, each {@code [page][track * kvHeads + head][pageTokens][paddedDim]}.
 *
 * @param group of layers: which of a sequence's page tables they go by
 * @param keyHeads key heads of all tracks
 */
public record CudaKvPages(long keys, long values, int group, int keyHeads, int pageTokens) implements KvPages {
    public static CudaKvPages allocated(
            DeviceMemory memory, String role, int group, int pages, int keyHeads, int pageTokens, int headDim) {
        long bytes = (long) pages * keyHeads * pageTokens * paddedDim(headDim) * CudaTensor.BF16;
        return new CudaKvPages(
                memory.allocate(role + ", keys", bytes).address(),
                memory.allocate(role + ", values", bytes).address(),
                group,
                keyHeads,
                pageTokens);
    }

    /** Rows are padded with zeros to whole tiles of the tensor cores. */
    public static int paddedDim(int headDim) {
        return (headDim + 15) / 16 * 16;
    }
}
