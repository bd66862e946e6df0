package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.RecurrentOps.DeltaShape;
import nighttrain.executor.device.RecurrentOps.LinearShape;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.cuda.CudaAttention.PrefillBlock;
import nighttrain.executor.device.cuda.CudaRecurrentOps.DeltaChunks;
import nighttrain.executor.device.cuda.CudaRecurrentOps.ScanBlock;
import nighttrain.executor.device.cuda.collective.CommTimer;
import nighttrain.executor.device.cuda.collective.PeerTransport;
import nighttrain.executor.device.cuda.collective.Transport.TrackSum;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.FusedSwiGlu;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;

/** The specialised kernels that the engine launches. */
final class KernelUses {
    private static final int PAGE_TOKENS = 16;

    private KernelUses() {}

    /** What does not depend on the model: vectors where a width allows them and where it does not, every number of ranks. */
    static Stream<KernelSource> ofEveryModel() {
        Stream<KernelSource> rows = Stream.of("embed.cu", "elementwise.cu", "gather_rows.cu")
                .flatMap(file -> Stream.of(1, 8).map(vector -> new KernelSource(file, Map.of("VECTOR", vector))));
        Stream<KernelSource> sums = IntStream.rangeClosed(2, PeerTransport.MAX_RANKS)
                .filter(ranks -> Integer.bitCount(ranks) == 1)
                .mapToObj(PeerTransport::source);
        Stream<KernelSource> others = Stream.concat(
                Stream.of(TrackSum.SOURCE, CommTimer.SOURCE),
                Stream.of(
                        new KernelSource("sample.cu", Map.of()),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 1)),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 2)),
                        CudaOps.normSource(4096, false, true),
                        CudaOps.normSource(2048, true, true),
                        Fp8Operands.source(4096),
                        Fp8Operands.source(28_672),
                        Fp8Operands.source(48)));
        return Stream.of(rows, sums, others).flatMap(sources -> sources);
    }

    /** What a model's widths and heads are compiled into, on Hopper or another GPU. */
    static Stream<KernelSource> of(ModelSpec model, boolean hopper) {
        Stream<KernelSource> gated = hopper ? Stream.of(FusedSwiGlu.SOURCE) : Stream.empty();
        Stream<KernelSource> mixers =
                model.layers().stream().map(LayerSpec::mixer).distinct().flatMap(mixer -> mixer(mixer, hopper));
        return Stream.of(Stream.of(norm(model.hiddenSize(), model.finalNorm().kind())), gated, mixers)
                .flatMap(sources -> sources);
    }

    private static Stream<KernelSource> mixer(Mixer mixer, boolean hopper) {
        if (mixer instanceof Attention attention) {
            return Stream.of(
                            Stream.of(rotation(attention)),
                            columns(attention),
                            attention(attention.headDim(), attention.heads() / attention.kvHeads(), hopper),
                            attention.projections().gate().map(gate -> gates(gate.outputs(), gate.outputs())).stream())
                    .flatMap(sources -> sources);
        }
        if (mixer instanceof GatedLinearAttention linear) {
            LinearShape shape = new LinearShape(linear.heads(), linear.keyDim(), linear.valueDim(), 1, 0);
            return Stream.of(
                    new KernelSource("gated_linear.cu", CudaRecurrentOps.linearDefines(shape)),
                    gates(shape.valueDim(), shape.valueCols()));
        }
        return mixer instanceof Mamba2 mamba ? scan(mamba) : delta((GatedDeltaNet) mixer, hopper);
    }

    private static Stream<KernelSource> scan(Mamba2 mamba) {
        ScanShape shape = new ScanShape(
                mamba.heads(), mamba.headDim(), mamba.groups(), mamba.stateSize(), 0, Float.POSITIVE_INFINITY);
        Stream<KernelSource> chunks = ScanBlock.cutsIntoChunks(shape, shape.stepCol() + shape.heads())
                ? Stream.of(new KernelSource(
                        "selective_scan_chunks.cu", ScanBlock.ofChunks(shape).defines()))
                : Stream.empty();
        return Stream.concat(
                Stream.of(
                        new KernelSource(
                                "convolve.cu",
                                CudaRecurrentOps.convolutionDefines(
                                        8, mamba.convolution().width())),
                        new KernelSource(
                                "selective_scan.cu", ScanBlock.ofTokens(shape).defines()),
                        gates(shape.valueCols() / shape.groups(), shape.valueCols())),
                chunks);
    }

    private static Stream<KernelSource> delta(GatedDeltaNet net, boolean hopper) {
        DeltaShape shape = new DeltaShape(net.keyHeads(), net.valueHeads(), net.keyDim(), net.valueDim());
        int cols = shape.qkvCols() + shape.valueCols();
        Stream<KernelSource> chunks = DeltaChunks.serves(shape, cols)
                ? Stream.of(new KernelSource(
                        "gated_delta_chunks.cu",
                        DeltaChunks.of(shape, hopper ? 227 << 10 : 99 << 10).defines(shape)))
                : Stream.empty();
        return Stream.concat(
                Stream.of(
                        new KernelSource(
                                "convolve.cu",
                                CudaRecurrentOps.convolutionDefines(
                                        8, net.convolution().width())),
                        new KernelSource("gated_delta.cu", CudaRecurrentOps.deltaDefines(shape, cols)),
                        gates(net.valueDim(), shape.valueCols())),
                chunks);
    }

    private static KernelSource gates(int part, int cols) {
        return new KernelSource("gates.cu", CudaRecurrentOps.gateDefines(part, cols, cols, 0));
    }

    /** Queries and keys of models that norm all heads at once. */
    private static Stream<KernelSource> columns(Attention attention) {
        return attention.normsAllHeads()
                ? attention.headNorms().stream()
                        .flatMap(norms -> Stream.of(norms.query(), norms.key()))
                        .map(norm -> norm(norm.size(), norm.kind()))
                : Stream.empty();
    }

    static KernelSource norm(int cols, Norm.Kind norm) {
        return CudaOps.normSource(cols, norm == Norm.Kind.LAYER, false);
    }

    private static KernelSource rotation(Attention attention) {
        return new KernelSource(
                "rope_and_write_kv.cu",
                Map.of(
                        "HEAD_DIM",
                        attention.headDim(),
                        "ROTARY_HALF",
                        attention.rope().map(Rope::dims).orElse(0) / 2,
                        "PAGE_TOKENS",
                        PAGE_TOKENS,
                        "HEAD_NORMS",
                        attention.headNorms().isPresent() && !attention.normsAllHeads() ? 1 : 0));
    }

    static Stream<KernelSource> attention(int headDim, int group, boolean hopper) {
        Map<String, Integer> defines = Map.of("HEAD_DIM", headDim, "PAGE_TOKENS", PAGE_TOKENS, "GROUP", group);
        String prefill = PrefillBlock.of(hopper, new AttentionShape(group, 1, headDim, 0), group)
                .file();
        return Stream.of(new KernelSource("attention_decode.cu", defines), new KernelSource(prefill, defines));
    }
}
