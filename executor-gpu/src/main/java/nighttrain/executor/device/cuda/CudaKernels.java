package nighttrain.executor.device.cuda;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Flight;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.PeerFailedException;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.collective.CudaCommunicator;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.product.GatedProducts;
import nighttrain.executor.device.cuda.product.MatrixProducts;
import nighttrain.executor.device.cuda.step.SampleResults;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.step.StepTurns;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/** The verbs on one GPU, each a kernel of {@code /kernels} but for matrix products; bf16 with fp32 accumulation. */
final class CudaKernels implements Kernels, AutoCloseable {
    private static final int SAMPLE_THREADS = 1024;

    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final MatrixProducts products;
    private final GatedProducts gatedProducts;
    private final Elementwise elementwise;
    private final NormRows norms;
    private final RotateAndStore rotateAndStore;
    private final CudaAttention attention;
    private final SampleResults results;
    private final StepTurns turns = new StepTurns();
    private final CudaCommunicator ranks;
    private final CudaContext context;

    CudaKernels(
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            int pageTokens,
            MatrixProducts products,
            GatedProducts gatedProducts,
            CudaAttention attention,
            SampleResults results,
            CudaCommunicator ranks,
            CudaContext context) {
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.products = products;
        this.gatedProducts = gatedProducts;
        this.elementwise = new Elementwise(modules, streams);
        this.norms = new NormRows(modules, streams);
        this.rotateAndStore = new RotateAndStore(modules, streams, inputs, pageTokens);
        this.attention = attention;
        this.results = results;
        this.ranks = ranks;
        this.context = context;
    }

    @Override
    public void begin(Batch batch) {
        context.makeCurrent();
        int turn = turns.begin(streams);
        inputs.upload(batch, turn, streams.main());
        attention.begin(turn);
    }

    @Override
    public void embed(Tensor out, Tensor table) {
        elementwise.takeRows("embed", (CudaTensor) out, (CudaTensor) table, inputs.tokens());
    }

    @Override
    public void addPositions(Tensor xInOut, Tensor table) {
        elementwise.takeRows("add_positions", (CudaTensor) xInOut, (CudaTensor) table, inputs.positions());
    }

    @Override
    public void norm(Tensor out, Tensor x, Norm norm) {
        norms.run("norm_rows", (CudaTensor) out, (CudaTensor) x, (CudaTensor) x, norm);
    }

    @Override
    public void addNorm(Tensor out, Tensor xInOut, Tensor y, Norm norm) {
        norms.run("add_norm_rows", (CudaTensor) out, (CudaTensor) xInOut, (CudaTensor) y, norm);
    }

    @Override
    public void normColumns(Tensor xInOut, int firstCol, Norm norm) {
        norms.columns((CudaTensor) xInOut, firstCol, norm);
    }

    @Override
    public void add(Tensor xInOut, Tensor y) {
        elementwise.add((CudaTensor) xInOut, (CudaTensor) y);
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix weights) {
        products.run((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
    }

    @Override
    public void rotateAndStore(
            Tensor qkv, KvPages pages, AttentionShape shape, Rotation rotation, Optional<HeadNorms> norms) {
        rotateAndStore.run((CudaTensor) qkv, (CudaKvPages) pages, shape, rotation, norms);
    }

    @Override
    public void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape) {
        attention.run((CudaTensor) out, (CudaTensor) qkv, (CudaKvPages) pages, shape);
    }

    @Override
    public void siluMul(Tensor out, Tensor gateUp) {
        elementwise.siluMul((CudaTensor) out, (CudaTensor) gateUp);
    }

    @Override
    public void linearSiluMul(Tensor out, Tensor gateUp, Tensor x, Matrix weights) {
        if (gatedProducts.serves((CudaTensor) x, (CudaMatrix) weights)) {
            gatedProducts.run((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
        } else {
            Kernels.super.linearSiluMul(out, gateUp, x, weights);
        }
    }

    @Override
    public void geluMul(Tensor out, Tensor gateUp) {
        elementwise.geluMul((CudaTensor) out, (CudaTensor) gateUp);
    }

    @Override
    public void scale(Tensor out, Tensor x, float factor) {
        elementwise.scale((CudaTensor) out, (CudaTensor) x, factor);
    }

    @Override
    public void gelu(Tensor xInOut) {
        elementwise.gelu((CudaTensor) xInOut);
    }

    @Override
    public void softCap(Tensor logitsInOut, float cap) {
        elementwise.softCap((CudaTensor) logitsInOut, cap);
    }

    @Override
    public void gatherOutputRows(Tensor out, Tensor x) {
        elementwise.gatherRows((CudaTensor) out, (CudaTensor) x, inputs.outputRows());
    }

    @Override
    public void sample(Tensor logits, int first) {
        CudaTensor x = (CudaTensor) logits;
        modules.get("sample_rows", new KernelSource("sample.cu", Map.of()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), 1, SAMPLE_THREADS),
                        x.address(),
                        inputs.sampleTable(first),
                        results.own().address(),
                        results.copies(),
                        results.own().cols(),
                        results.likely(),
                        x.cols());
        ranks.gatherRows(results.all(), results.own());
    }

    @Override
    public Flight end() {
        int turn = turns.now();
        List<SampleRequest> all = inputs.batch().samples();
        RowShare share = RowShare.of(all.size(), ranks.rank(), ranks.size());
        List<SampleRequest> samples = all.subList(share.from(), share.from() + share.count());
        results.fetch(samples, turn, streams.main());
        ranks.readClock();
        turns.end(streams);
        return () -> land(samples, turn);
    }

    private List<SampledToken> land(List<SampleRequest> samples, int turn) {
        context.makeCurrent();
        turns.await(turn);
        if (ranks.hasFailedPeer()) {
            throw new PeerFailedException();
        }
        return results.read(samples, turn);
    }

    @Override
    public long busyNanos() {
        return turns.busyNanos();
    }

    @Override
    public void close() {
        turns.close();
    }
}
