package nighttrain.executor.device.cuda;

import java.util.Optional;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.product.GatedProducts;
import nighttrain.executor.device.cuda.product.MatrixProducts;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The verbs on one GPU, each a kernel of {@code /kernels} but for matrix products; bf16 with fp32 accumulation. */
final class CudaOps implements Ops {
    private final StepInputs inputs;
    private final MatrixProducts products;
    private final GatedProducts gatedProducts;
    private final Elementwise elementwise;
    private final NormRows norms;
    private final RopeAndWriteKv ropeAndWriteKv;
    private final CudaAttention attention;

    CudaOps(
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            int pageTokens,
            MatrixProducts products,
            GatedProducts gatedProducts,
            CudaAttention attention) {
        this.inputs = inputs;
        this.products = products;
        this.gatedProducts = gatedProducts;
        this.elementwise = new Elementwise(modules, streams);
        this.norms = new NormRows(modules, streams);
        this.ropeAndWriteKv = new RopeAndWriteKv(modules, streams, inputs, pageTokens);
        this.attention = attention;
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
    public void ropeAndWriteKv(
            Tensor qkv, KvPages pages, AttentionShape shape, Rotation rotation, Optional<HeadNorms> norms) {
        ropeAndWriteKv.run((CudaTensor) qkv, (CudaKvPages) pages, shape, rotation, norms);
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
            Ops.super.linearSiluMul(out, gateUp, x, weights);
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
}
