package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.cuda.collective.PeerTransport;
import nighttrain.executor.device.cuda.collective.SumClock;
import nighttrain.executor.device.cuda.collective.TrackSum;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.product.GatedProducts;
import nighttrain.io.checkpoint.BlockConfig;
import nighttrain.io.checkpoint.ModelConfig;

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
                Stream.of(TrackSum.SOURCE, SumClock.SOURCE),
                Stream.of(
                        new KernelSource("sample.cu", Map.of()),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 1)),
                        new KernelSource("step_inputs.cu", Map.of("GROUPS", 2))));
        return Stream.of(rows, sums, others).flatMap(sources -> sources);
    }

    /** What a model's widths and heads are compiled into, on Hopper or another GPU. */
    static Stream<KernelSource> of(ModelConfig model, boolean hopper) {
        Stream<KernelSource> gated = hopper ? Stream.of(GatedProducts.SOURCE) : Stream.empty();
        return Stream.of(
                        Stream.of(norm(model.hiddenSize(), model.block().norm()), rotation(model)),
                        gated,
                        attention(model.headDim(), model.heads() / model.kvHeads(), hopper))
                .flatMap(sources -> sources);
    }

    static KernelSource norm(int cols, BlockConfig.Norm norm) {
        return NormRows.source(cols, norm == BlockConfig.Norm.LAYER);
    }

    private static KernelSource rotation(ModelConfig model) {
        return new KernelSource(
                "rotate_and_store.cu",
                Map.of(
                        "HEAD_DIM",
                        model.headDim(),
                        "ROTARY_HALF",
                        model.block().rotary().dims() / 2,
                        "PAGE_TOKENS",
                        PAGE_TOKENS,
                        "HEAD_NORMS",
                        model.block().qkNorm() ? 1 : 0));
    }

    static Stream<KernelSource> attention(int headDim, int group, boolean hopper) {
        Map<String, Integer> defines = Map.of("HEAD_DIM", headDim, "PAGE_TOKENS", PAGE_TOKENS, "GROUP", group);
        String prefill = PrefillBlock.of(hopper, new AttentionShape(group, 1, headDim, 0), group)
                .file();
        return Stream.of(new KernelSource("attention_decode.cu", defines), new KernelSource(prefill, defines));
    }
}
