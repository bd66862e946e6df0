package nighttrain.executor.device.cuda.collective;

import java.util.Map;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The sum over one rank's own tracks. */
public record TrackSum(KernelModules modules) {
    public static final KernelSource SOURCE = new KernelSource("track_sum.cu", Map.of());
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
