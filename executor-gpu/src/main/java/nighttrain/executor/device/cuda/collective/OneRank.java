package nighttrain.executor.device.cuda.collective;

import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** No peers: what is left to sum are the rank's own tracks. */
public record OneRank(TrackSum tracks) implements Transport {
    @Override
    public Streams.Launch sum(CudaTensor out, CudaTensor in, float scale) {
        return (stream, overlapped) -> tracks.launch(stream, out, in, scale, out.tracks());
    }

    @Override
    public Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream) {
        return part;
    }
}
