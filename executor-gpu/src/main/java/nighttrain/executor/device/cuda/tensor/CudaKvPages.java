package nighttrain.executor.device.cuda.tensor;

import nighttrain.executor.device.KvPages;

/**
 * bf16 keys and values, each {@code [page][track * kvHeads + head][pageTokens][paddedDim]}.
 *
 * @param keyHeads key heads of all tracks
 */
public record CudaKvPages(long keys, long values, int keyHeads, int pageTokens) implements KvPages {
    /** Rows are padded with zeros to whole tiles of the tensor cores. */
    public static int paddedDim(int headDim) {
        return (headDim + 15) / 16 * 16;
    }
}
