package nighttrain.executor.device.cuda;

import java.util.Map;

/** The sum over one rank's own tracks. */
record TrackSum(KernelModules modules) {
    static final KernelSource SOURCE = new KernelSource("track_sum.cu", Map.of());
    private static final int THREADS = 256;

    /** Writes {@code scale} times the sum to the first {@code copies} tracks of {@code out}. */
    void launch(Stream stream, CudaTensor out, CudaTensor in, float scale, int copies) {
        int vectors = in.vectors();
        modules.get("sum_tracks", SOURCE)
                .launch(
                        stream,
                        Kernel.Grid.of((vectors + THREADS - 1) / THREADS, 1, THREADS),
                        new Struct()
                                .pointer(out.address())
                                .pointer(in.address())
                                .longs(out.trackStride() / CudaTensor.VECTOR)
                                .longs(in.trackStride() / CudaTensor.VECTOR)
                                .integer(in.tracks())
                                .integer(copies)
                                .integer(vectors)
                                .number(scale));
    }
}
