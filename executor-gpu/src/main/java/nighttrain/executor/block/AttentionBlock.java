package nighttrain.executor.block;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.block.Loader.Projection;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.HeadNorms;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;

/**
 * Grouped-query attention over paged keys and values. A rank has whole heads; if there are more ranks than key and value heads, several ranks have
 * the same one.
 */
record AttentionBlock(Attention spec, Placement placement, AttentionShape shape, InAndOut ends, KvFormat kvFormat)
        implements Block {
    static AttentionBlock of(Attention spec, Placement placement, ModelSpec model) {
        AttentionShape shape = new AttentionShape(
                placement.share(spec.heads()), placement.share(spec.kvHeads()), spec.headDim(), spec.window(), (float)
                        spec.scale());
        int inCols = shape.qkvCols() + (spec.projections().gate().isPresent() ? shape.queryCols() : 0);
        InAndOut ends =
                InAndOut.of(model, first(spec), inCols, spec.projections().output(), shape.queryCols());
        return new AttentionBlock(spec, placement, shape, ends, model.kvFormat());
    }

    /** The projections of queries, keys and values, and of the gate if there is one. */
    private static List<Linear> first(Attention spec) {
        return Stream.concat(
                        Stream.of(
                                spec.projections().query(),
                                spec.projections().key(),
                                spec.projections().value()),
                        spec.projections().gate().stream())
                .toList();
    }

    @Override
    public List<LayerMatrix> matrices() {
        return ends.matrices();
    }

    private BufferSpec queryKeyValue() {
        return new BufferSpec("queries, keys and values", ends.inCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape.queryCols());
    }

    @Override
    public List<BufferSpec> buffers() {
        return List.of(queryKeyValue(), mixed());
    }

    @Override
    public List<Divisible> divisibles() {
        return List.of(
                new Divisible(spec.heads(), "attention heads"), new Divisible(spec.kvHeads(), "key/value heads", true));
    }

    @Override
    public long copiedElements() {
        return (placement.copies(spec.kvHeads()) - 1L)
                * (spec.projections().key().elements()
                        + spec.projections().value().elements());
    }

    @Override
    public Optional<String> indivisible() {
        return spec.normsAllHeads()
                ? Optional.of("queries and keys of this model are normed over all heads at once")
                : Optional.empty();
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double queries = shape.queryCols();
        double keys = shape.kvCols();
        return List.of(
                ends.first(tracks, step.tokens()),
                cached(0, tracks * step.tokens() * 2.0 * (queries + keys), tracks * step.tokens() * 2 * keys),
                Operation.memory(tracks, spec.normsAllHeads() ? step.tokens() * 2.0 * (queries + keys) : 0),
                cached(
                        4 * tracks * pairs(step) * queries,
                        2.0 * tracks * step.tokens() * queries,
                        tracks * 2 * positions(step) * keys),
                Operation.memory(tracks, spec.projections().gate().isPresent() ? step.tokens() * 3.0 * queries : 0),
                ends.last(tracks, step.tokens()));
    }

    /** Returns the pairs of a token and a position that it sees: at most the window per token. */
    private double pairs(StepSize step) {
        return spec.window() == 0 ? step.pairs() : Math.min(step.pairs(), (double) step.tokens() * spec.window());
    }

    /** Returns the positions whose keys and values are read: per sequence at most its tokens in the step and the window before the first of them. */
    private double positions(StepSize step) {
        return spec.window() == 0
                ? step.keys()
                : Math.min(step.keys(), step.tokens() + step.sequences() * (spec.window() - 1.0));
    }

    /** {@code kept}: elements of keys and values that are read or written. */
    private Operation cached(double flops, double elements, double kept) {
        double scales = kept / spec.headDim();
        return kvFormat.isBytes()
                ? new Operation(flops, elements, 0, 0, kept + scales)
                : new Operation(flops, elements + kept, 0);
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                loader.ops(),
                spec.projections().gate().map(linear -> loader.recurrentOps()),
                this,
                shape,
                loader.byUnit(
                        "queries, keys and values" + ofLayer,
                        ends.in().format(),
                        Projection.each(first(spec), spec.headDim())),
                spec.headNorms()
                        .map(norms -> new HeadNorms(
                                loader.normPerTrack("norm of queries" + ofLayer, norms.query()),
                                loader.normPerTrack("norm of keys" + ofLayer, norms.key()))),
                loader.rotation(spec),
                hasKeyOffset()
                        ? Optional.of(loader.keyOffset("what keys have in common" + ofLayer, spec))
                        : Optional.empty(),
                loader.kvPages(layer, shape),
                loader.byInput(
                        "attention's output" + ofLayer,
                        ends.out().format(),
                        spec.projections().output()),
                spec.sinks().map(sinks -> loader.perHead("attention sinks" + ofLayer, sinks)));
    }

    /**
     * Returns whether pages hold keys less an offset. Biases of keys can be far larger than the rest of a key (Qwen 2.5: 350 against 5), of which 8
     * bits would then hold little. A term that all keys of a head share changes all scores of a query equally, and so no weight of a softmax without
     * sinks: pages need not hold it.
     */
    private boolean hasKeyOffset() {
        return kvFormat.isBytes()
                && spec.projections().key().bias().isPresent()
                && spec.headNorms().isEmpty()
                && spec.sinks().isEmpty();
    }

    private record Loaded(
            Ops ops,
            Optional<RecurrentOps> gateOps,
            AttentionBlock block,
            AttentionShape shape,
            Matrix queryKeyValue,
            Optional<HeadNorms> headNorms,
            Rotation rotation,
            Optional<Tensor> keyOffset,
            KvPages pages,
            Matrix output,
            Optional<Tensor> sinks)
            implements Module {
        @Override
        public void run(Buffers buffers, Tensor x, Tensor out) {
            Tensor qkv = buffers.get(block.queryKeyValue());
            Tensor mixed = buffers.get(block.mixed());
            ops.linear(qkv, x, queryKeyValue);
            if (block.spec.normsAllHeads()) {
                ops.normColumns(qkv, 0, headNorms.orElseThrow().query());
                ops.normColumns(qkv, shape.queryCols(), headNorms.orElseThrow().key());
            }
            ops.ropeAndWriteKv(
                    qkv, pages, shape, rotation, block.spec.normsAllHeads() ? Optional.empty() : headNorms, keyOffset);
            ops.attention(mixed, qkv, pages, shape, sinks);
            gateOps.ifPresent(gate -> gate.gate(mixed, qkv, shape.qkvCols()));
            ops.linear(out, mixed, output);
        }
    }
}
