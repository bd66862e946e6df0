package nighttrain.executor.device.cuda;

/** The launch shape of attention_decode.cu, derived as there. */
record DecodeRing(int threads, int sharedBytes) {
    private static final int BYTES_PER_BLOCK = 96 * 1024;
    private static final int TILE_TOKENS = 16;
    private static final int MAX_STAGES = 8;

    static DecodeRing of(int paddedDim) {
        int warps = paddedDim > 128 ? 2 : 4;
        int tileBytes = TILE_TOKENS * paddedDim * CudaTensor.BF16;
        int tiles = BYTES_PER_BLOCK / warps / tileBytes;
        int stages = tiles < 2 * MAX_STAGES ? tiles / 2 : MAX_STAGES;
        return new DecodeRing(warps * 32, warps * stages * 2 * tileBytes);
    }
}
