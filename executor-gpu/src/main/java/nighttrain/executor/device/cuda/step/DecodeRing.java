package nighttrain.executor.device.cuda.step;

/** The launch shape of attention_decode.cu, derived as there. */
public record DecodeRing(int threads, int sharedBytes) {
    private static final int MAX_STAGES = 8;

    public static DecodeRing of(int paddedDim) {
        boolean wide = paddedDim > 128;
        int warps = wide ? 2 : 4;
        int stageBytes = 64 * paddedDim; // 16 tokens of keys and of values
        int stages = Math.min(MAX_STAGES, (wide ? 88 : 96) * 1024 / (warps * stageBytes));
        return new DecodeRing(warps * 32, warps * stages * stageBytes + (wide ? 32 * paddedDim : 0));
    }
}
