package nighttrain.executor.device.cuda;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.Drawn;
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
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.product.GatedProducts;
import nighttrain.executor.device.cuda.product.MatrixProducts;
import nighttrain.executor.device.cuda.step.DrawResults;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.step.StepLimits;
import nighttrain.executor.device.cuda.step.StepTurns;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The verbs on one GPU, each a kernel of {@code /kernels} but for matrix products; bf16 with fp32 accumulation. */
final class CudaKernels implements Kernels, AutoCloseable {
    private static final int ROW_THREADS = 256;
    private static final int ELEMENT_THREADS = 256;
    private static final int DRAW_THREADS = 1024;

    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final StepLimits limits;
    private final MatrixProducts products;
    private final GatedProducts gatedProducts;
    private final NormRows norms;
    private final CudaAttention attention;
    private final DrawResults results;
    private final StepTurns turns = new StepTurns();
    private final CudaCommunicator ranks;
    private final CudaContext context;

    CudaKernels(
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            StepLimits limits,
            MatrixProducts products,
            GatedProducts gatedProducts,
            CudaAttention attention,
            DrawResults results,
            CudaCommunicator ranks,
            CudaContext context) {
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.limits = limits;
        this.products = products;
        this.gatedProducts = gatedProducts;
        this.norms = new NormRows(modules, streams);
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
        rows("embed.cu", "embed", out, table, inputs.tokens());
    }

    @Override
    public void addPositions(Tensor xInOut, Tensor table) {
        rows("embed.cu", "add_positions", xInOut, table, inputs.positions());
    }

    private void rows(String file, String name, Tensor x, Tensor table, long indices) {
        CudaTensor to = (CudaTensor) x;
        kernel(file, name, to.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(to.rows(), to.tracks(), ROW_THREADS),
                        to.address(),
                        to.trackStride(),
                        ((CudaTensor) table).address(),
                        indices,
                        to.cols());
    }

    private Kernel kernel(String file, String name, int cols) {
        return modules.get(name, new KernelSource(file, Map.of("VECTOR", vector(cols))));
    }

    /** Elements that a thread moves at a time. */
    static int vector(int cols) {
        return cols % 8 == 0 ? 8 : 1;
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
    public void add(Tensor xInOut, Tensor y) {
        CudaTensor x = (CudaTensor) xInOut;
        CudaTensor addend = (CudaTensor) y;
        int vectors = vectors(x);
        kernel("elementwise.cu", "add", x.cols())
                .launch(
                        streams.main(),
                        elements(vectors, x.tracks()),
                        x.address(),
                        x.trackStride(),
                        addend.address(),
                        addend.trackStride(),
                        vectors);
    }

    private static int vectors(CudaTensor x) {
        return Math.multiplyExact(x.rows(), x.cols()) / vector(x.cols());
    }

    private static Kernel.Grid elements(int vectors, int tracks) {
        return Kernel.Grid.of(blocks(vectors), tracks, ELEMENT_THREADS);
    }

    private static int blocks(int vectors) {
        return (vectors + ELEMENT_THREADS - 1) / ELEMENT_THREADS;
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix weights) {
        products.run((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
    }

    @Override
    public void rotateAndStore(
            Tensor qkv, KvPages pages, AttentionShape shape, Rotation rotation, Optional<HeadNorms> norms) {
        CudaTensor x = (CudaTensor) qkv;
        CudaKvPages kv = (CudaKvPages) pages;
        CudaTensor cosines = (CudaTensor) rotation.cos();
        KernelSource source = new KernelSource(
                "rotate_and_store.cu",
                Map.of(
                        "HEAD_DIM", shape.headDim(),
                        "ROTARY_HALF", cosines.cols(),
                        "PAGE_TOKENS", limits.pageTokens(),
                        "HEAD_NORMS", norms.isPresent() ? 1 : 0));
        int warps = Math.min(8, shape.heads() + 2 * shape.kvHeads());
        modules.get("rotate_and_store", source)
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), 32 * warps),
                        new Struct()
                                .pointer(x.address())
                                .longs(x.trackStride())
                                .pointer(kv.keys())
                                .pointer(kv.values())
                                .pointer(inputs.positions())
                                .pointer(inputs.slots())
                                .pointer(cosines.address())
                                .pointer(((CudaTensor) rotation.sin()).address())
                                .pointer(norms.map(n -> weight(n.query())).orElse(0L))
                                .pointer(norms.map(n -> weight(n.key())).orElse(0L))
                                .number(norms.map(n -> n.query().epsilon()).orElse(0f))
                                .integer(shape.heads())
                                .integer(shape.kvHeads()));
    }

    private static long weight(Norm norm) {
        return ((CudaTensor) norm.weight()).address();
    }

    @Override
    public void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape) {
        attention.run((CudaTensor) out, (CudaTensor) qkv, (CudaKvPages) pages, shape);
    }

    @Override
    public void siluMul(Tensor out, Tensor gateUp) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) gateUp;
        kernel("elementwise.cu", "silu_mul", to.cols())
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                to.rows(), blocks(to.cols() / vector(to.cols())), to.tracks(), ELEMENT_THREADS, 0),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        to.cols());
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
    public void gelu(Tensor xInOut) {
        CudaTensor x = (CudaTensor) xInOut;
        kernel("elementwise.cu", "gelu", x.cols())
                .launch(streams.main(), elements(vectors(x), x.tracks()), x.address(), x.trackStride(), vectors(x));
    }

    @Override
    public void gatherOutputRows(Tensor out, Tensor x) {
        CudaTensor to = (CudaTensor) out;
        kernel("gather_rows.cu", "gather_rows", to.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(to.rows(), 1, ROW_THREADS),
                        to.address(),
                        ((CudaTensor) x).address(),
                        inputs.outputRows(),
                        to.cols());
    }

    @Override
    public void draw(Tensor logits, int first) {
        CudaTensor x = (CudaTensor) logits;
        modules.get("draw", new KernelSource("draw.cu", Map.of()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), 1, DRAW_THREADS),
                        x.address(),
                        inputs.drawTable(first),
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
        List<Draw> all = inputs.batch().draws();
        RowShare share = RowShare.of(all.size(), ranks.rank(), ranks.size());
        List<Draw> draws = all.subList(share.from(), share.from() + share.count());
        results.fetch(draws, turn, streams.main());
        ranks.readClock();
        turns.end(streams);
        return () -> land(draws, turn);
    }

    private List<Drawn> land(List<Draw> draws, int turn) {
        context.makeCurrent();
        turns.await(turn);
        if (ranks.hasFailedPeer()) {
            throw new PeerFailedException();
        }
        return results.read(draws, turn);
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
