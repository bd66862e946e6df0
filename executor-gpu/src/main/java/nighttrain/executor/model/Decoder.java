package nighttrain.executor.model;

import java.util.List;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Flight;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/** One rank's forward pass, the same for every architecture: embed, decode, norm, head, sample. */
public final class Decoder {
    private final Architecture architecture;
    private final Kernels kernels;
    private final Communicator ranks;
    private final Weights weights;
    private final KvCache cache;
    private final List<AttentionShape> shapes;
    private final Workspace workspace;
    private final List<Mlp> mlps;
    private final StepLimits limits;
    private final CacheLayout layout;

    private Decoder(
            Architecture architecture,
            Device device,
            Weights weights,
            KvCache cache,
            List<AttentionShape> shapes,
            Workspace workspace,
            List<Mlp> mlps,
            StepLimits limits,
            CacheLayout layout) {
        this.architecture = architecture;
        this.kernels = device.kernels();
        this.ranks = device.communicator();
        this.weights = weights;
        this.cache = cache;
        this.shapes = shapes;
        this.workspace = workspace;
        this.mlps = mlps;
        this.limits = limits;
        this.layout = layout;
    }

    /** Loads one rank's part of the model onto its device. */
    public static Decoder load(Checkpoint checkpoint, Device device, StepLimits limits, CacheLayout layout) {
        ModelSpec model = checkpoint.spec();
        Architecture architecture = Architecture.of(model);
        Communicator ranks = device.communicator();
        Placement placement = architecture.placement(ranks.rank(), ranks.size());
        VocabularySlice slice = VocabularySlice.of(model.vocabSize(), ranks.rank(), ranks.size());
        return new Decoder(
                architecture,
                device,
                new WeightLoader(device, checkpoint, placement).load(slice, limits.maxModelLen()),
                KvCache.allocate(device, model, placement, layout),
                shapes(model, placement),
                Workspace.allocate(device, model, placement, limits.maxTokens(), limits.maxSamples(), slice),
                model.layers().stream().map(layer -> (Mlp) layer.feedForward()).toList(),
                limits,
                layout);
    }

    private static List<AttentionShape> shapes(ModelSpec model, Placement placement) {
        return model.layers().stream()
                .map(layer -> (Attention) layer.mixer())
                .map(attention -> new AttentionShape(
                        placement.share(attention.heads()),
                        placement.share(attention.kvHeads()),
                        attention.headDim(),
                        attention.window(),
                        (float) attention.scale()))
                .toList();
    }

    /** Takes a step's inputs; {@link #enqueue} computes what they ask for. */
    public void begin(Batch batch) {
        kernels.begin(batch);
    }

    /** Enqueues a forward pass of the shape that {@link #begin} was given, samples included. */
    public void enqueue(int tokens, int outputs) {
        kernels.sample(forward(tokens, outputs), share(outputs).from());
    }

    /** Ends the step, which lands with this rank's samples. */
    public Flight end() {
        return kernels.end();
    }

    /** Which of a step's {@code outputs} samples this rank makes. */
    public RowShare share(int outputs) {
        return RowShare.of(outputs, ranks.rank(), ranks.size());
    }

    /** The page of every group that belongs to no sequence: where padding and warm-up put their keys and values. */
    public int[] scratchPages() {
        return layout.groups().stream().mapToInt(CacheLayout.Group::pages).toArray();
    }

    public StepLimits limits() {
        return limits;
    }

    public CacheLayout layout() {
        return layout;
    }

    /** Logits of the batch's output rows that this rank samples from, {@code [1, rows, vocabulary]}. */
    Tensor logits(Batch batch) {
        begin(batch);
        return forward(batch.size(), batch.outputRows().length);
    }

    private Tensor forward(int tokens, int outputs) {
        Workspace step = workspace.forStep(tokens, outputs, share(outputs).count());
        kernels.embed(step.stream(), weights.embedding());
        weights.positions().ifPresent(table -> kernels.addPositions(step.stream(), table));
        ResidualStream decoded = architecture.decode(
                new DecoderBlocks(kernels, weights, cache, shapes, mlps, step),
                new ResidualStream(kernels, step.stream()),
                ranks);
        kernels.gatherOutputRows(step.outputRows(), decoded.settle().track(0));
        kernels.norm(step.outputNormed(), step.outputRows(), weights.finalNorm());
        kernels.linear(step.logitsPart(), step.outputNormed(), weights.head());
        return ranks.gatherRows(step.logits(), step.logitsPart());
    }
}
