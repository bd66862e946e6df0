package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Ops.HeadNorms;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Heads normed and turned, keys and values put into their pages: how that kernel is specialised and called. */
record RopeAndWriteKv(KernelModules modules, Streams streams, StepInputs inputs, int pageTokens) {
    private static final int MOST_WARPS = 8;

    void run(CudaTensor qkv, CudaKvPages pages, AttentionShape shape, Rotation rotation, Optional<HeadNorms> norms) {
        CudaTensor cosines = (CudaTensor) rotation.cos();
        KernelSource source = new KernelSource(
                "rope_and_write_kv.cu",
                Map.of(
                        "HEAD_DIM",
                        shape.headDim(),
                        "ROTARY_HALF",
                        cosines.cols(),
                        "PAGE_TOKENS",
                        pageTokens,
                        "HEAD_NORMS",
                        norms.isPresent() ? 1 : 0));
        int warps = Math.min(MOST_WARPS, shape.heads() + 2 * shape.kvHeads());
        modules.get("rope_and_write_kv", source)
                .launch(
                        streams.main(),
                        Kernel.Grid.of(qkv.rows(), qkv.tracks(), 32 * warps),
                        new Struct()
                                .pointer(qkv.address())
                                .longs(qkv.trackStride())
                                .pointer(pages.keys())
                                .pointer(pages.values())
                                .pointer(inputs.positions())
                                .pointer(inputs.slots(pages.group()))
                                .pointer(cosines.address())
                                .pointer(((CudaTensor) rotation.sin()).address())
                                .pointer(rotation.queryScale()
                                        .map(scales -> ((CudaTensor) scales).address())
                                        .orElse(0L))
                                .pointer(norms.map(n -> weight(n.query())).orElse(0L))
                                .pointer(norms.map(n -> weight(n.key())).orElse(0L))
                                .number(norms.map(n -> n.query().epsilon()).orElse(0f))
                                .integer(shape.heads())
                                .integer(shape.kvHeads()));
    }

    private static long weight(Norm norm) {
        return ((CudaTensor) norm.weight()).address();
    }
}
