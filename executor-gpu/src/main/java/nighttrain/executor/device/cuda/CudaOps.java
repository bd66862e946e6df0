package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaAttention.CudaKvPages;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.FewRows;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.FusedSwiGlu;
import nighttrain.executor.device.cuda.matmul.Matmuls;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The operations on one GPU. Each is a kernel of {@code /kernels}; cuBLASLt computes most matmuls. Operands are bf16, accumulators fp32. */
final class CudaOps implements Ops {
    private static final int ROW_THREADS = 256;
    private static final int ELEMENT_THREADS = 256;
    private static final int MOST_ROPE_WARPS = 8;

    /** Up to this many tokens a warp computes one head; with more tokens, several heads one after the other. */
    private static final int FEW_TOKENS = 512;

    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final int pageTokens;
    private final Fp8Operands fp8;
    private final CudaNorms norms;
    private final Matmuls matmuls;
    private final FewRows fewRows;
    private final FusedSwiGlu fusedSwiGlu;
    private final CudaAttention attention;

    CudaOps(
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            int pageTokens,
            Fp8Operands fp8,
            CudaNorms norms,
            Matmuls matmuls,
            FewRows fewRows,
            FusedSwiGlu fusedSwiGlu,
            CudaAttention attention) {
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.pageTokens = pageTokens;
        this.fp8 = fp8;
        this.norms = norms;
        this.matmuls = matmuls;
        this.fewRows = fewRows;
        this.fusedSwiGlu = fusedSwiGlu;
        this.attention = attention;
    }

    /** Returns the kernels for an operation that writes to tensors, and forgets rows in 8 bits that it may change. */
    private KernelModules launching() {
        fp8.forget();
        return modules;
    }

    @Override
    public void embed(Tensor out, Tensor table) {
        takeRows("embed", (CudaTensor) out, (CudaTensor) table, inputs.tokens());
    }

    @Override
    public void addPositions(Tensor xInOut, Tensor table) {
        takeRows("add_positions", (CudaTensor) xInOut, (CudaTensor) table, inputs.positions());
    }

    /** {@code indices}: the device address of the row numbers to take from {@code table}. */
    private void takeRows(String name, CudaTensor x, CudaTensor table, long indices) {
        kernel("embed.cu", name, x.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), ROW_THREADS),
                        x.address(),
                        x.trackStride(),
                        table.address(),
                        indices,
                        x.cols());
    }

    @Override
    public void gatherOutputRows(Tensor out, Tensor x) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) x;
        kernel("gather_rows.cu", "gather_rows", to.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(to.rows(), to.tracks(), ROW_THREADS),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        inputs.outputRows(),
                        to.cols());
    }

    @Override
    public void norm(Tensor out, Tensor x, Norm norm) {
        norms.norm((CudaTensor) out, (CudaTensor) x, norm);
    }

    @Override
    public void addNorm(Tensor out, Tensor xInOut, Tensor y, Norm norm) {
        norms.addNorm((CudaTensor) out, (CudaTensor) xInOut, (CudaTensor) y, norm);
    }

    @Override
    public void normColumns(Tensor xInOut, int firstCol, Norm norm) {
        norms.normColumns((CudaTensor) xInOut, firstCol, norm);
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix weights) {
        matmuls.run((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
        fp8.forget();
    }

    @Override
    public void linearSiluMul(Tensor out, Tensor gateUp, Tensor x, Matrix weights) {
        if (fewRows.activates((CudaTensor) x, (CudaMatrix) weights)) {
            fp8.forget();
            fewRows.runActivated((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
        } else if (fusedSwiGlu.serves((CudaTensor) x, (CudaMatrix) weights)) {
            fp8.forget();
            fusedSwiGlu.run((CudaTensor) out, (CudaTensor) x, (CudaMatrix) weights);
        } else {
            Ops.super.linearSiluMul(out, gateUp, x, weights);
        }
    }

    @Override
    public void ropeAndWriteKv(
            Tensor qkv,
            KvPages pages,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms,
            Optional<Tensor> keyOffset) {
        CudaTensor x = (CudaTensor) qkv;
        CudaKvPages kv = (CudaKvPages) pages;
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
                        norms.isPresent() ? 1 : 0,
                        "KV_CODES",
                        CudaAttention.codes(kv.format())));
        int heads = shape.heads() + 2 * shape.kvHeads();
        int warps = Math.min(MOST_ROPE_WARPS, heads);
        int tokens = x.rows() + inputs.batch().copies().size();
        int parts = tokens <= FEW_TOKENS ? (heads + warps - 1) / warps : 1;
        launching()
                .get("rope_and_write_kv", source)
                .launch(
                        streams.main(),
                        new Kernel.Grid(tokens, x.tracks(), parts, 32 * warps, 0),
                        new Struct()
                                .pointer(x.address())
                                .longs(x.trackStride())
                                .pointer(kv.keys())
                                .pointer(kv.values())
                                .pointer(kv.scales())
                                .pointer(inputs.positions())
                                .pointer(inputs.slots(kv.group()))
                                .pointer(inputs.copiedRows())
                                .pointer(cosines.address())
                                .pointer(((CudaTensor) rotation.sin()).address())
                                .pointer(rotation.queryScale()
                                        .map(scales -> ((CudaTensor) scales).address())
                                        .orElse(0L))
                                .pointer(norms.map(n -> weight(n.query())).orElse(0L))
                                .pointer(norms.map(n -> weight(n.key())).orElse(0L))
                                .pointer(keyOffset
                                        .map(offset -> ((CudaTensor) offset).address())
                                        .orElse(0L))
                                .number(norms.map(n -> n.query().epsilon()).orElse(0f))
                                .integer(shape.heads())
                                .integer(shape.kvHeads())
                                .integer(x.rows())
                                .integer(x.cols()));
    }

    private static long weight(Norm norm) {
        return ((CudaTensor) norm.weight()).address();
    }

    @Override
    public void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape, Optional<Tensor> sinks) {
        fp8.forget();
        attention.run(
                (CudaTensor) out, (CudaTensor) qkv, (CudaKvPages) pages, shape, sinks.map(CudaTensor.class::cast));
    }

    @Override
    public void add(Tensor xInOut, Tensor y) {
        CudaTensor x = (CudaTensor) xInOut;
        CudaTensor addend = (CudaTensor) y;
        kernel("elementwise.cu", "add", x.cols())
                .launch(
                        streams.main(),
                        elements(x),
                        x.address(),
                        x.trackStride(),
                        addend.address(),
                        addend.trackStride(),
                        vectors(x));
    }

    @Override
    public void scale(Tensor out, Tensor x, float factor) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) x;
        kernel("elementwise.cu", "scale", from.cols())
                .launch(
                        streams.main(),
                        elements(from),
                        to.address(),
                        to.trackStride(),
                        from.address(),
                        from.trackStride(),
                        vectors(from),
                        factor);
    }

    @Override
    public void gelu(Tensor xInOut) {
        CudaTensor x = (CudaTensor) xInOut;
        kernel("elementwise.cu", "gelu", x.cols())
                .launch(streams.main(), elements(x), x.address(), x.trackStride(), vectors(x));
    }

    /** Serves fp32 values of one track. */
    @Override
    public void softCap(Tensor logitsInOut, float cap) {
        CudaTensor x = (CudaTensor) logitsInOut;
        int count = Math.multiplyExact(x.rows(), x.cols());
        kernel("elementwise.cu", "soft_cap", x.cols())
                .launch(streams.main(), Kernel.Grid.of(blocks(count), 1, ELEMENT_THREADS), x.address(), count, cap);
    }

    @Override
    public void siluMul(Tensor out, Tensor gateUp) {
        fp8.forget();
        CudaTensor to = (CudaTensor) out;
        fp8.writing(to)
                .ifPresentOrElse(
                        operand -> fp8.siluMul(to, (CudaTensor) gateUp, operand),
                        () -> gated("silu_mul", to, (CudaTensor) gateUp));
    }

    @Override
    public void geluMul(Tensor out, Tensor gateUp) {
        gated("gelu_mul", (CudaTensor) out, (CudaTensor) gateUp);
    }

    private void gated(String name, CudaTensor out, CudaTensor gateUp) {
        kernel("elementwise.cu", name, out.cols())
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                out.rows(),
                                blocks(out.cols() / CudaTensor.vector(out.cols())),
                                out.tracks(),
                                ELEMENT_THREADS,
                                0),
                        out.address(),
                        out.trackStride(),
                        gateUp.address(),
                        gateUp.trackStride(),
                        out.cols());
    }

    private Kernel kernel(String file, String name, int cols) {
        return launching().get(name, new KernelSource(file, Map.of("VECTOR", CudaTensor.vector(cols))));
    }

    private static int vectors(CudaTensor x) {
        return Math.multiplyExact(x.rows(), x.cols()) / CudaTensor.vector(x.cols());
    }

    private static Kernel.Grid elements(CudaTensor x) {
        return Kernel.Grid.of(blocks(vectors(x)), x.tracks(), ELEMENT_THREADS);
    }

    private static int blocks(int vectors) {
        return (vectors + ELEMENT_THREADS - 1) / ELEMENT_THREADS;
    }
}
