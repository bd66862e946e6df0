package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AttentionShape;

/** Which prefill kernel serves a shape, and its launch shape, derived as there. */
record PrefillBlock(String file, int rows, int threads, int sharedBytes) {
    static PrefillBlock of(boolean hopper, AttentionShape shape, int group) {
        int padded = CudaKvPages.paddedDim(shape.headDim());
        boolean wide = padded > 128;
        int rows = 128;
        int threads = wide ? 256 : 128;
        int tileTokens = wide ? 32 : 64;
        return new PrefillBlock(
                "attention_prefill.cu", rows, threads, (rows + 2 * tileTokens) * padded * CudaTensor.BF16);
    }
}
