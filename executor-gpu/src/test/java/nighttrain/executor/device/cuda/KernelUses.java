package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.RecurrentOps.DeltaShape;
import nighttrain.executor.device.RecurrentOps.LinearShape;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.cuda.CudaAttention.CudaKvPages;
import nighttrain.executor.device.cuda.CudaAttention.DecodeBlock;
import nighttrain.executor.device.cuda.CudaAttention.PrefillBlock;
import nighttrain.executor.device.cuda.collective.CommTimer;
import nighttrain.executor.device.cuda.collective.PeerTransport;
import nighttrain.executor.device.cuda.collective.Transport.TrackSum;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.matmul.FewRows;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.FusedSwiGlu;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul.TileRows;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Tiling;
import nighttrain.executor.device.cuda.matmul.SplitMatmul;
import nighttrain.executor.device.cuda.recurrent.CudaRecurrentOps;
import nighttrain.executor.device.cuda.recurrent.CudaStates;
import nighttrain.executor.device.cuda.recurrent.GatedDelta;
import nighttrain.executor.device.cuda.recurrent.GatedLinear;
import nighttrain.executor.device.cuda.recurrent.SelectiveScan;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.WeightFormat;

/** Lists the specialised kernels that the engine launches. */
final class KernelUses {
    private static final int PAGE_TOKENS = 16;

    /** Shared memory of a block on the smallest GPUs since sm_80. */
    private static final int SMALLEST_SHARED_BYTES = 99 << 10;

    private KernelUses() {}

    /** Returns kernels that do not depend on the model: with and without vectors, for every number of ranks. */
    static Stream<KernelSource> ofEveryModel() {
        Stream<KernelSource> rows = Stream.of("embed.cu", "elementwise.cu", "gather_rows.cu")
                .flatMap(file -> Stream.of(1, 8).map(vector -> new KernelSource(file, Map.of("VECTOR", vector))));
        Stream<KernelSource> sums = IntStream.rangeClosed(2, PeerTransport.MAX_RANKS)
                .filter(ranks -> Integer.bitCount(ranks) == 1)
                .boxed()
                .flatMap(ranks -> Stream.of(
                        PeerTransport.source(ranks, false),
                        PeerTransport.source(ranks, true),
                        sumAndNorm(ranks, 4096, false, false),
                        sumAndNorm(ranks, 8192, false, true),
                        sumAndNorm(ranks, 1000, true, true)));
        Stream<KernelSource> others = Stream.concat(
                Stream.of(TrackSum.source(false), TrackSum.source(true), CommTimer.SOURCE),
                Stream.of(
                        new KernelSource("sample.cu", Map.of()),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 1)),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 2)),
                        CudaRecurrentOps.copySource(1),
                        CudaRecurrentOps.copySource(8),
                        CudaNorms.source(4096, false, true),
                        CudaNorms.source(2048, true, true),
                        FewRows.source(4096, false, WeightFormat.PLAIN, false),
                        FewRows.source(4096, true, WeightFormat.PLAIN, false),
                        FewRows.source(14_336, false, WeightFormat.PLAIN, true),
                        FewRows.source(40, true, WeightFormat.PLAIN, true),
                        Fp8Operands.source(4096),
                        Fp8Operands.source(28_672),
                        Fp8Operands.source(48)));
        return Stream.of(rows, sums, others, experts()).flatMap(sources -> sources);
    }

    private static KernelSource sumAndNorm(int ranks, int cols, boolean layer, boolean quantize) {
        return PeerTransport.normSource(
                ranks, CudaNorms.source(cols, layer, quantize).defines());
    }

    /** Returns kernels for few and many experts, in groups or not; every activation; widths that a vector divides or not. */
    private static Stream<KernelSource> experts() {
        Stream<KernelSource> routers = Stream.of(
                        Router.softmax(Linear.of("router", 128, 2048, false), 8, true),
                        Router.softmaxOfChosen(Linear.of("router", 5, 48, false), 2),
                        corrected(256, 8, Optional.of(new Router.Groups(8, 4))),
                        corrected(512, 10, Optional.of(new Router.Groups(8, 4))),
                        corrected(160, 8, Optional.empty()))
                .map(CudaExperts::routeSource);
        Stream<KernelSource> activations = Stream.concat(
                Stream.of(Mlp.Activation.values())
                        .map(Activation.Plain::new)
                        .flatMap(one -> Stream.of(true, false).map(gated -> CudaExperts.source(2048, one, gated))),
                Stream.of(CudaExperts.source(45, new Activation.ClampedSwiGlu(1.702, 7), true)));
        Stream<KernelSource> products =
                Stream.of(TileRows.values()).flatMap(rows -> Stream.of(rows.source(2048), rows.source(45)));
        return Stream.of(routers, activations, products).flatMap(sources -> sources);
    }

    /** Returns a router like DeepSeek V3's, or without groups, like GLM 4.5's. */
    private static Router corrected(int experts, int chosen, Optional<Router.Groups> groups) {
        return new Router(
                Optional.empty(),
                Linear.of("router", experts, 2048, false),
                0,
                Router.Score.SIGMOID,
                Optional.of(new Vector("correction", experts, TensorSpec.Fill.ZERO)),
                groups,
                chosen,
                true,
                2.5,
                Optional.empty());
    }

    /** Returns the kernels specialised by a model's widths and heads, on Hopper or another GPU. */
    static Stream<KernelSource> of(ModelSpec model, boolean hopper) {
        Stream<KernelSource> matmuls = hopper
                ? Stream.of(
                                FusedSwiGlu.TILE_COLS.stream().map(FusedSwiGlu::source),
                                Stream.of(48, 4096, 14_336)
                                        .map(inputs -> FewRows.source(inputs, false, WeightFormat.FP8, false)),
                                SplitMatmul.SPLITS.stream().map(SplitMatmul::source),
                                Stream.of(Tiling.values())
                                        .flatMap(tiling -> Stream.of(WeightFormat.values())
                                                .flatMap(format -> Stream.of(false, true)
                                                        .map(activates -> tiling.source(activates, format)))))
                        .flatMap(sources -> sources)
                : Stream.empty();
        Stream<KernelSource> mixers = model.layers().stream()
                .map(LayerSpec::mixer)
                .distinct()
                .flatMap(mixer -> mixer(mixer, hopper))
                .flatMap(KernelUses::ofBothStates);
        return Stream.of(Stream.of(norm(model.hiddenSize(), model.finalNorm().kind())), matmuls, mixers)
                .flatMap(sources -> sources);
    }

    /** Returns one build for each state format if the kernel uses states, else the kernel itself. */
    private static Stream<KernelSource> ofBothStates(KernelSource source) {
        boolean onStates = Stream.of("convolve", "gated_delta", "gated_linear", "selective_scan")
                .anyMatch(source.file()::startsWith);
        return onStates ? Stream.of(source, CudaStates.ofBf16(source)) : Stream.of(source);
    }

    private static Stream<KernelSource> mixer(Mixer mixer, boolean hopper) {
        if (mixer instanceof Attention attention) {
            return Stream.of(
                            Stream.of(KvFormat.values()).map(pages -> rotation(attention, pages)),
                            columns(attention),
                            attention(
                                    attention.headDim(),
                                    attention.heads() / attention.kvHeads(),
                                    hopper,
                                    attention.sinks().isPresent(),
                                    KvFormat.PLAIN),
                            attention.projections().gate().map(gate -> gates(gate.outputs(), gate.outputs())).stream())
                    .flatMap(sources -> sources);
        }
        if (mixer instanceof GatedLinearAttention linear) {
            LinearShape shape = new LinearShape(linear.heads(), linear.keyDim(), linear.valueDim(), 1, 0);
            return Stream.concat(
                    Stream.of(gates(shape.valueDim(), shape.valueCols())),
                    GatedLinear.sources(shape, shape.qkvCols() + shape.valueCols()));
        }
        return mixer instanceof Mamba2 mamba ? scan(mamba) : delta((GatedDeltaNet) mixer, hopper);
    }

    private static Stream<KernelSource> scan(Mamba2 mamba) {
        Mamba2.Heads heads = mamba.heads();
        ScanShape shape = new ScanShape(
                heads.count(), heads.dim(), heads.groups(), heads.stateSize(), 0, Float.POSITIVE_INFINITY);
        return Stream.concat(
                Stream.of(
                        CudaRecurrentOps.convolutionSource(
                                8, mamba.convolution().width()),
                        gates(shape.valueCols() / shape.groups(), shape.valueCols()),
                        gates(shape.valueCols() / 2, shape.valueCols() / 2)), // where two ranks share a group
                SelectiveScan.sources(shape, shape.stepCol() + shape.heads()));
    }

    private static Stream<KernelSource> delta(GatedDeltaNet net, boolean hopper) {
        GatedDeltaNet.Heads heads = net.heads();
        DeltaShape shape = new DeltaShape(heads.keys(), heads.values(), heads.keyDim(), heads.valueDim());
        return Stream.concat(
                Stream.of(
                        CudaRecurrentOps.convolutionSource(8, net.convolution().width()),
                        gates(shape.valueDim(), shape.valueCols())),
                GatedDelta.sources(shape, shape.qkvCols() + shape.valueCols(), hopper, SMALLEST_SHARED_BYTES));
    }

    private static KernelSource gates(int part, int cols) {
        return CudaRecurrentOps.gateSource(part, cols, cols, 0);
    }

    /** Returns norms of queries and keys for models that norm all heads at once. */
    private static Stream<KernelSource> columns(Attention attention) {
        return attention.normsAllHeads()
                ? attention.headNorms().stream()
                        .flatMap(norms -> Stream.of(norms.query(), norms.key()))
                        .map(norm -> norm(norm.size(), norm.kind()))
                : Stream.empty();
    }

    static KernelSource norm(int cols, Norm.Kind norm) {
        return CudaNorms.source(cols, norm == Norm.Kind.LAYER, false);
    }

    private static KernelSource rotation(Attention attention, KvFormat pages) {
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
                        attention.headNorms().isPresent() && !attention.normsAllHeads() ? 1 : 0,
                        "KV_CODES",
                        CudaAttention.codes(pages)));
    }

    static Stream<KernelSource> attention(int headDim, int group, boolean hopper, boolean sinks, KvFormat pages) {
        AttentionShape shape = new AttentionShape(group, 1, headDim, 0);
        Map<String, Integer> defines = CudaAttention.defines(shape, PAGE_TOKENS, sinks, pages);
        String prefill = PrefillBlock.of(hopper, shape, group, pages.isBytes()).file();
        return Stream.concat(
                DecodeBlock.warps(CudaKvPages.paddedDim(headDim)).stream()
                        .map(warps -> DecodeBlock.source(defines, warps)),
                Stream.of(new KernelSource(prefill, defines)));
    }
}
