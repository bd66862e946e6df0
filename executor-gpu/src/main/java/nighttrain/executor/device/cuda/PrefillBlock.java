package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Which prefill kernel serves a shape, and its launch shape, derived as there. */
record PrefillBlock(String file, int rows, int threads, int sharedBytes) {
    private static final int LARGEST_HOPPER_GROUP = 16;

    static PrefillBlock of(boolean hopper, AttentionShape shape, int group) {
        boolean aligned = shape.headDim() == 64 || shape.headDim() == 128;
        return hopper && aligned && group <= LARGEST_HOPPER_GROUP ? hopper(shape.headDim()) : portable(shape.headDim());
    }

    private static PrefillBlock hopper(int headDim) {
        int rows = headDim == 64 ? 192 : 128;
        int tileBytes = headDim * CudaTensor.BF16;
        return new PrefillBlock("attention_prefill_sm90.cu", rows, 128 + 2 * rows, (4 * 128 + rows) * tileBytes + 1024);
    }

    private static PrefillBlock portable(int headDim) {
        int padded = CudaKvPages.paddedDim(headDim);
        boolean wide = padded > 128;
        int rows = 128;
        int tileTokens = wide ? 32 : 64;
        return new PrefillBlock(
                "attention_prefill.cu", rows, wide ? 256 : 128, (rows + 2 * tileTokens) * padded * CudaTensor.BF16);
    }
}
