package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.architecture.Blocks.Join;
import nighttrain.executor.architecture.DryRun;
import nighttrain.executor.block.Block.LayerMatrix;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.WeightFormat;
import nighttrain.io.spec.Wiring;

/** A model on one of several ranks: its layers' blocks, and the totals over all of them. */
public final class ModelBlocks {
    /** Buffers of the model's width in a GPU's transport: one share of an all-reduce and two staged sums. */
    private static final int TRANSPORT_BUFFERS = 3;

    private final ModelSpec model;
    private final Architecture architecture;
    private final Placement placement;
    private final List<LayerBlock> layers;
    private final HeadBlock head;

    private ModelBlocks(ModelSpec model, int rank, int ranks) {
        this.model = model;
        this.architecture = Architecture.of(model);
        this.placement = architecture.placement(rank, ranks);
        this.layers = model.layers().stream()
                .map(layer -> LayerBlock.of(layer, placement, model))
                .toList();
        this.head = new HeadBlock(model, rank, ranks);
    }

    public static ModelBlocks of(ModelSpec model, int rank, int ranks) {
        return new ModelBlocks(model, rank, ranks);
    }

    /**
     * Refuses a number of ranks that the model cannot be cut into.
     *
     * @throws UserError naming what the ranks cannot share evenly
     */
    public static void checkRanks(ModelSpec model, int ranks) {
        Architecture architecture = Architecture.of(model);
        if (architecture.tracks() > 0) {
            checkDivides(ranks, new Block.Divisible(architecture.tracks(), "tracks"));
            return;
        }
        List<Block> blocks =
                of(model, 0, 1).layers.stream().flatMap(LayerBlock::blocks).toList();
        if (ranks > 1) {
            blocks.stream()
                    .flatMap(block -> block.indivisible().stream())
                    .findFirst()
                    .ifPresent(why -> {
                        throw UserError.of(
                                "bad value of --ranks", ranks, "must be 1, since " + why + "; use --replicas");
                    });
        }
        blocks.stream()
                .flatMap(block -> block.divisibles().stream())
                .forEach(divisible -> checkDivides(ranks, divisible));
    }

    /** Returns the first kind of part that GPUs cannot compute yet; none if they can run the model. */
    public static Optional<String> missingOnGpus(ModelSpec model) {
        return of(model, 0, 1).layers.stream()
                .flatMap(LayerBlock::blocks)
                .flatMap(block -> block.missingOnGpus().stream())
                .findFirst();
    }

    private static void checkDivides(int ranks, Block.Divisible divisible) {
        boolean replicated = divisible.replicable() && ranks % divisible.count() == 0;
        if (divisible.count() % ranks != 0 && !replicated) {
            throw UserError.of(
                    "bad value of --ranks",
                    ranks,
                    "must divide the model's " + divisible.count() + " " + divisible.what()
                            + (divisible.replicable() ? " or be a multiple of them" : "")
                            + "; choose a divisor or leave --ranks out");
        }
    }

    public ModelSpec model() {
        return model;
    }

    public Architecture architecture() {
        return architecture;
    }

    public Placement placement() {
        return placement;
    }

    public EmbeddingBlock embedding() {
        return new EmbeddingBlock(model.embedding());
    }

    /** Loads every layer's parameters onto the device. */
    public List<LayerBlock.Loaded> loadLayers(Loader loader) {
        return IntStream.range(0, layers.size())
                .mapToObj(layer -> layers.get(layer).load(loader, layer))
                .toList();
    }

    /** Loads this rank's part of the join of tracks; none if the join is a plain sum. */
    public Optional<Join> loadJoin(Loader loader) {
        if (model.wiring() instanceof Wiring.Kraken kraken) {
            Matrix join = loader.byTrack("join", kraken.join());
            return Optional.of((out, h) -> loader.ops().linear(out, h.settle(), join));
        }
        if (model.wiring().normsTracks()) {
            double share = 1 / (model.trackCount() * model.head().divisor());
            Norm norm = loader.normPerTrack("final norm", model.finalNorm(), share);
            return Optional.of((out, h) -> h.normInto(out, norm));
        }
        return Optional.empty();
    }

    public HeadBlock head() {
        return head;
    }

    /** Returns the distinct buffers of all layers. */
    public Set<BufferSpec> buffers() {
        Set<BufferSpec> buffers = new LinkedHashSet<>();
        layers.stream().flatMap(LayerBlock::blocks).forEach(block -> buffers.addAll(block.buffers()));
        return buffers;
    }

    /** Returns the all-reduces and buffers of the architecture. */
    public DryRun dryRun() {
        return DryRun.of(architecture, model);
    }

    /** Returns the bytes of all buffers on a GPU, before anything is allocated: bf16 activations, fp32 logits. */
    public long bufferBytes(int maxTokens, int maxSamples) {
        DryRun asked = dryRun();
        // The stream, a spare one, the normed stream; every partial output and its sum.
        long ofHidden = (long) model.hiddenSize() * (3 + 2L * asked.outputBuffers() + TRANSPORT_BUFFERS);
        // The stream again, partial outputs and their sums.
        long ofOutputRow = (long) model.hiddenSize() * (1 + 2L * asked.narrowBuffers()) * Bfloat16.BYTES;
        long ofBlocks =
                buffers().stream().mapToLong(BufferSpec::gpuBytesPerToken).sum();
        return placement.localTracks() * (ofHidden * Bfloat16.BYTES + ofBlocks + fp8RowBytes()) * maxTokens
                + placement.localTracks() * ofOutputRow * maxSamples
                + head.bytes(maxSamples);
    }

    /** Number of further copies of parameter elements in layers, over all ranks, beyond one of each; without norms. */
    public long copiedElements() {
        return layers.stream()
                .flatMap(LayerBlock::blocks)
                .mapToLong(Block::copiedElements)
                .sum();
    }

    /** Returns, for every block that sums over ranks while it runs, the fp32 values per token that it sums. */
    public List<Integer> sumsInBlocks() {
        return layers.stream()
                .flatMap(LayerBlock::blocks)
                .map(Block::summedPerToken)
                .filter(numbers -> numbers > 0)
                .toList();
    }

    private Stream<LayerMatrix> matrices() {
        return layers.stream().flatMap(LayerBlock::blocks).flatMap(block -> block.matrices().stream());
    }

    private Stream<LayerMatrix> fp8Matrices() {
        return matrices().filter(matrix -> matrix.format() == WeightFormat.FP8);
    }

    /** Returns which matrices of a rank are not in 8 bits although 8 bits were asked for, and why; none if all are. */
    public Optional<String> hinderedFrom8Bits() {
        Map<String, Map<String, Integer>> countsByWhy = new LinkedHashMap<>();
        matrices()
                .filter(matrix -> !matrix.hindrance().isEmpty())
                .forEach(matrix -> countsByWhy
                        .computeIfAbsent(matrix.hindrance(), why -> new LinkedHashMap<>())
                        .merge(
                                matrix.outputs() + " x " + matrix.inputs(),
                                placement.localTracks() * matrix.count(),
                                Integer::sum));
        return countsByWhy.entrySet().stream()
                .map(counts -> counts.getValue().entrySet().stream()
                        .map(count -> count.getValue() + " of " + count.getKey())
                        .collect(Collectors.joining(" and ", "", " (" + counts.getKey() + ")")))
                .reduce((one, other) -> one + ", " + other)
                .map(all -> "matrices of a rank not in 8 bits: " + all);
    }

    /** An operand of {@code rows} rows per token. */
    private record Width(int inputs, int rows) {}

    /** Returns the bytes per token of operands in 8 bits and their scales, one operand for each width. */
    private long fp8RowBytes() {
        return fp8Matrices()
                .map(matrix -> new Width(matrix.inputs(), matrix.rows()))
                .distinct()
                .mapToLong(width -> width.rows() * (width.inputs() + (long) Float.BYTES))
                .sum();
    }

    /** Returns the bytes that weights in 8 bits with their scales save over bf16 on a GPU. */
    public long fp8SavedBytes() {
        return placement.localTracks()
                * fp8Matrices()
                        .mapToLong(matrix -> (long) matrix.count()
                                * matrix.outputs()
                                * (matrix.inputs() * (Bfloat16.BYTES - 1) - Float.BYTES))
                        .sum();
    }

    /** Returns all operations of a step on this rank, without communication. */
    public List<Operation> operations(StepSize step) {
        List<Operation> operations = new ArrayList<>();
        for (int layer = 0; layer < layers.size(); layer++) {
            StepSize fed = layer < layers.size() - 1 ? step : step.ofOutputRows();
            operations.addAll(layers.get(layer).operations(step, fed, model.hiddenSize()));
        }
        operations.addAll(head.operations(step));
        operations.add(Operation.memory(placement.localTracks(), step.tokens() * 2.0 * model.hiddenSize()));
        return operations;
    }
}
