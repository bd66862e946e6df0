package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.Blocks;
import nighttrain.executor.architecture.Blocks.Join;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.architecture.DryRun;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.architecture.StepCommunicator;
import nighttrain.executor.block.Block;
import nighttrain.executor.block.Buffers;
import nighttrain.executor.block.EmbeddingBlock;
import nighttrain.executor.block.HeadBlock;
import nighttrain.executor.block.LayerBlock;
import nighttrain.executor.block.Loader;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;

/** One rank's forward pass, the same for every family and architecture: embed, decode, norm, head, sample. */
public final class Decoder {
    private final Architecture architecture;
    private final Ops ops;
    private final Sampler sampler;
    private final StepIo stepIo;
    private final Optional<RecurrentOps> recurrent;
    private final Communicator ranks;
    private final EmbeddingBlock.Loaded embedding;
    private final List<LayerBlock.Loaded> layers;
    private final Optional<Join> join;
    private final HeadBlock.Loaded head;
    private final Buffers buffers;
    private final Tensor normed;
    private final List<Tensor> streams;
    private final List<Tensor> outputs;
    private final Tensor outputRows;
    private final List<Tensor> narrowOutputs;
    private final StepLimits limits;
    private final CacheLayout layout;

    private Decoder(ModelBlocks blocks, Loader loader, Device device, StepLimits limits, CacheLayout layout) {
        this.architecture = blocks.architecture();
        this.ops = device.ops();
        this.sampler = device.sampler();
        this.stepIo = device.stepIo();
        this.recurrent = device.recurrentOps();
        this.ranks = device.communicator();
        this.limits = limits;
        this.layout = layout;
        this.embedding = blocks.embedding().load(loader);
        this.layers = blocks.loadLayers(loader);
        this.join = blocks.loadJoin(loader);
        this.head = blocks.head().load(loader, limits.maxSamples());
        int tracks = blocks.placement().localTracks();
        int hidden = blocks.model().hiddenSize();
        this.buffers = Buffers.allocate(device, blocks.buffers(), tracks, limits.maxTokens());
        this.normed = device.tensor("normed stream", tracks, limits.maxTokens(), hidden);
        this.streams = tensors(
                device, "residual stream", blocks.model().hasTracks() ? 2 : 1, tracks, limits.maxTokens(), hidden);
        DryRun asked = blocks.dryRun();
        this.outputs = tensors(device, "partial output", asked.outputBuffers(), tracks, limits.maxTokens(), hidden);
        this.outputRows = device.tensor("output rows", tracks, limits.maxSamples(), hidden);
        this.narrowOutputs = tensors(
                device, "partial output of output rows", asked.narrowBuffers(), tracks, limits.maxSamples(), hidden);
    }

    private static List<Tensor> tensors(Device device, String role, int count, int tracks, int rows, int cols) {
        List<Tensor> tensors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            tensors.add(device.tensor(role + " " + i, tracks, rows, cols));
        }
        return List.copyOf(tensors);
    }

    /** Loads one rank's part of the model onto its device. */
    public static Decoder load(Checkpoint checkpoint, Device device, StepLimits limits, CacheLayout layout) {
        Communicator ranks = device.communicator();
        ModelBlocks blocks = ModelBlocks.of(checkpoint.spec(), ranks.rank(), ranks.size());
        Loader loader = new Loader(device, checkpoint, blocks.placement(), layout, limits.maxModelLen());
        return new Decoder(blocks, loader, device, limits, layout);
    }

    /** Uploads a step's inputs and copies the states that they name; {@link #enqueue} enqueues the forward pass. */
    public void begin(Batch batch) {
        stepIo.begin(batch);
        recurrent.ifPresent(states -> {
            states.copy(batch.stateCopies().saved());
            states.copy(batch.stateCopies().restored());
        });
    }

    /** Enqueues a forward pass of the shape that {@link #begin} was given, samples included. */
    public void enqueue(int tokens, int outputRows) {
        sampler.sample(forward(tokens, outputRows), share(outputRows).from());
    }

    /** Ends the step, whose handle returns this rank's samples. */
    public StepHandle end() {
        return stepIo.end();
    }

    /** Returns which of a step's {@code outputRows} samples this rank makes. */
    public RowShare share(int outputRows) {
        return RowShare.of(outputRows, ranks.rank(), ranks.size());
    }

    /** Returns one page of every group that belongs to no sequence: padding and warm-up write their keys and values there. */
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

    private Tensor forward(int tokens, int wanted) {
        List<Tensor> stepStreams =
                streams.stream().map(tensor -> tensor.firstRows(tokens)).toList();
        StepCommunicator step = new StepCommunicator(
                ranks,
                ops,
                number -> outputs.get(number).firstRows(tokens),
                number -> narrowOutputs.get(number).firstRows(wanted),
                stepStreams);
        embedding.run(stepStreams.get(0));
        Tensor rows = outputRows.firstRows(wanted);
        boolean narrows = wanted < tokens;
        LayerBlocks blocks = new LayerBlocks(
                ops,
                layers,
                join,
                new Room(buffers.firstRows(tokens), normed.firstRows(tokens)),
                narrows ? Optional.of(rows) : Optional.empty(),
                step);
        Tensor decoded = architecture
                .decode(blocks, new ResidualStream(ops, stepStreams.get(0)), step)
                .settle()
                .track(0);
        if (!narrows) {
            ops.gatherOutputRows(rows.track(0), decoded);
        }
        return head.run(narrows ? decoded : rows.track(0));
    }

    /**
     * The buffers that modules work in.
     *
     * @param normed the input of a module that follows a norm
     */
    private record Room(Buffers buffers, Tensor normed) {
        Room firstRows(int rows) {
            return rows == normed.rows() ? this : new Room(buffers.firstRows(rows), normed.firstRows(rows));
        }
    }

    /**
     * A step's modules as architectures call them, whatever blocks the layers have.
     *
     * @param outputRows the stream after the last mixer, of the rows that the head reads; none if the head reads all rows
     */
    private record LayerBlocks(
            Ops ops,
            List<LayerBlock.Loaded> all,
            Optional<Join> joining,
            Room room,
            Optional<Tensor> outputRows,
            StepCommunicator ranks)
            implements Blocks {
        @Override
        public int layers() {
            return all.size();
        }

        @Override
        public Output mixer(int layer, ResidualStream h) {
            LayerBlock.Loaded it = all.get(layer);
            return mixed(layer, h, run(it.mixer(), h, it.mixerNorm()));
        }

        private Output mixed(int layer, ResidualStream h, Tensor part) {
            Output output = new Output(part, all.get(layer).mixerFinish());
            if (layer < all.size() - 1 || outputRows.isEmpty()) {
                return output;
            }
            h.narrow(outputRows.get());
            return ranks.narrow(output, outputRows.get().rows());
        }

        @Override
        public Output feedForward(int layer, ResidualStream h) {
            LayerBlock.Loaded it = all.get(layer);
            return new Output(run(it.feedForward(), h, it.feedForwardNorm()), it.feedForwardFinish());
        }

        @Override
        public Output sideBySide(int layer, ResidualStream h) {
            LayerBlock.Loaded it = all.get(layer);
            Output both = mixed(layer, h, run(it.mixer(), h, it.mixerNorm()));
            Room fed = room.firstRows(h.rows());
            if (fed != room) {
                h.normInto(fed.normed(), it.mixerNorm().orElseThrow());
            }
            run(it.feedForward(), fed, fed.normed(), fed.normed()); // not read any more when the output is written
            ops.add(both.part(), fed.normed());
            return both;
        }

        @Override
        public Output join(ResidualStream h) {
            Tensor joined = ranks.output();
            joining.orElseThrow().into(joined, h);
            return Output.plain(joined);
        }

        private Tensor run(Block.Module module, ResidualStream h, Optional<Norm> norm) {
            Room here = room.firstRows(h.rows());
            Tensor x = norm.isPresent() ? here.normed() : h.settle();
            norm.ifPresent(it -> h.normInto(here.normed(), it));
            Tensor out = ranks.output();
            run(module, here, x, out);
            return out;
        }

        private static void run(Block.Module module, Room room, Tensor x, Tensor out) {
            if (x.rows() > 0) { // the head reads no row of a step that ends inside prompts
                module.run(room.buffers(), x, out);
            }
        }
    }
}
