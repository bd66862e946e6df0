package nighttrain.executor.device.cuda.collective;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Moves data between ranks. Every rank makes the same calls in the same order. */
public interface Transport {
    /** Prepares {@code out[t] = scale * sum of in over all tracks of all ranks}; {@code out} is another buffer than {@code in}, of the same type. */
    Streams.Launch allReduce(CudaTensor out, CudaTensor in, float scale);

    /**
     * Prepares an all-reduce of {@code part} in the kernel that adds and norms its sum; none if two kernels are faster or there is no such kernel.
     */
    default Optional<Streams.Launch> allReduceAddNorm(CudaTensor part, NormCall norm) {
        return Optional.empty();
    }

    /** As {@link nighttrain.executor.device.Communicator#gatherRows}. */
    Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream);

    /** The transport of a single rank, which only adds up its own tracks. */
    record OneRank(TrackSum tracks) implements Transport {
        @Override
        public Streams.Launch allReduce(CudaTensor out, CudaTensor in, float scale) {
            return (stream, overlapped) -> tracks.launch(stream, out, in, scale, out.tracks());
        }

        @Override
        public Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream) {
            return part;
        }
    }

    /** Adds up the tracks of one rank. */
    record TrackSum(KernelModules modules) {
        private static final int THREADS = 256;

        /** {@code fp32}: whether the tensors are fp32. */
        public static KernelSource source(boolean fp32) {
            return new KernelSource("track_sum.cu", Map.of("FP32", fp32 ? 1 : 0));
        }

        /** Writes {@code scale} times the sum to the first {@code copies} tracks of {@code out}. */
        void launch(Stream stream, CudaTensor out, CudaTensor in, float scale, int copies) {
            int vectors = in.vectors();
            modules.get("sum_tracks", source(in.isFp32()))
                    .launch(
                            stream,
                            Kernel.Grid.of((vectors + THREADS - 1) / THREADS, 1, THREADS),
                            new Struct()
                                    .pointer(out.address())
                                    .pointer(in.address())
                                    .longs(out.strideVectors())
                                    .longs(in.strideVectors())
                                    .integer(in.tracks())
                                    .integer(copies)
                                    .integer(vectors)
                                    .number(scale));
        }
    }
}
