package nighttrain.executor.block;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.HeadNorms;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter;
import nighttrain.io.spec.WeightFormat;

/** Grouped-query attention over paged keys and values: a rank has whole heads. Where ranks are more than key and value heads, several have the same. */
record AttentionBlock(Attention spec, Placement placement, WeightFormat inFormat, WeightFormat outFormat)
        implements Block {
    static AttentionBlock of(Attention spec, Placement placement, ModelSpec model) {
        AttentionShape shape = new AttentionBlock(spec, placement, WeightFormat.PLAIN, WeightFormat.PLAIN).shape();
        int hidden = spec.output().outputs();
        return new AttentionBlock(
                spec,
                placement,
                model.formatOf(List.of(spec.query(), spec.key(), spec.value())).of(shape.qkvCols(), hidden),
                model.formatOf(List.of(spec.output())).of(hidden, shape.queryCols()));
    }

    @Override
    public List<Fp8Matrix> fp8Matrices() {
        int hidden = spec.output().outputs();
        return Stream.concat(
                        Fp8Matrix.of(inFormat, shape().qkvCols(), hidden),
                        Fp8Matrix.of(outFormat, hidden, shape().queryCols()))
                .toList();
    }

    private AttentionShape shape() {
        return new AttentionShape(
                placement.share(spec.heads()), placement.share(spec.kvHeads()), spec.headDim(), spec.window(), (float)
                        spec.scale());
    }

    private BufferSpec queryKeyValue() {
        return new BufferSpec("queries, keys and values", shape().qkvCols());
    }

    private BufferSpec mixed() {
        return new BufferSpec("mixed values", shape().queryCols());
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
    public Map<Parameter, Integer> copies() {
        int copies = placement.copies(spec.kvHeads());
        return Map.of(spec.key(), copies, spec.value(), copies);
    }

    @Override
    public long cachedElementsPerToken() {
        return 2L * placement.localTracks() * shape().kvCols();
    }

    @Override
    public Optional<String> indivisible() {
        return spec.normsAllHeads()
                ? Optional.of("queries and keys of this model are normed over all heads at once")
                : Optional.empty();
    }

    @Override
    public Optional<String> missingOnGpus() {
        return spec.sinks().map(any -> "attention sinks");
    }

    @Override
    public List<Operation> operations(StepSize step) {
        int tracks = placement.localTracks();
        double queries = shape().queryCols();
        double keys = shape().kvCols();
        int hidden = spec.output().outputs();
        return List.of(
                Operation.linear(tracks, step.tokens(), queries + 2 * keys, hidden, inFormat),
                Operation.memory(tracks, step.tokens() * 2.0 * (queries + 2 * keys)),
                Operation.memory(tracks, spec.normsAllHeads() ? step.tokens() * 2.0 * (queries + keys) : 0),
                new Operation(
                        4 * tracks * step.pairs() * queries,
                        tracks * (2 * step.keys() * keys + 2 * step.tokens() * queries),
                        0),
                Operation.linear(tracks, step.tokens(), hidden, queries, outFormat));
    }

    @Override
    public Module load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                loader.ops(),
                this,
                shape(),
                loader.byHead(
                        "queries, keys and values" + ofLayer,
                        inFormat,
                        List.of(spec.query(), spec.key(), spec.value()),
                        spec.headDim()),
                spec.headNorms()
                        .map(norms -> new HeadNorms(
                                loader.normPerTrack("norm of queries" + ofLayer, norms.query()),
                                loader.normPerTrack("norm of keys" + ofLayer, norms.key()))),
                loader.rotation(spec),
                loader.kvPages(layer, shape()),
                loader.byInput("attention's output" + ofLayer, outFormat, spec.output()),
                spec.sinks().map(sinks -> loader.byHead("attention sinks" + ofLayer, sinks)));
    }

    private record Loaded(
            Ops ops,
            AttentionBlock block,
            AttentionShape shape,
            Matrix queryKeyValue,
            Optional<HeadNorms> headNorms,
            Rotation rotation,
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
            ops.ropeAndWriteKv(qkv, pages, shape, rotation, block.spec.normsAllHeads() ? Optional.empty() : headNorms);
            ops.attention(mixed, qkv, pages, shape, sinks);
            ops.linear(out, mixed, output);
        }
    }
}
