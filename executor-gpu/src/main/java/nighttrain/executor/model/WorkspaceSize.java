package nighttrain.executor.model;

import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.Placement;
import nighttrain.io.spec.ModelSpec;

/** What {@link Workspace} takes on a GPU, before anything is allocated: bf16 activations, fp32 logits. */
public final class WorkspaceSize {
    /** Streams and partial outputs as wide as the model: five of the workspace, two sums, one share and two staged sums. */
    private static final int HIDDEN_BUFFERS = 10;

    private static final int BF16 = 2;

    private WorkspaceSize() {}

    /** Bytes on rank 0, which has the most. */
    public static long bytes(ModelSpec model, int ranks, int maxTokens, int maxSamples) {
        Placement placement = Architecture.of(model).placement(0, ranks);
        WidestLayer widest = WidestLayer.of(model, placement);
        long perToken = (long) HIDDEN_BUFFERS * model.hiddenSize()
                + widest.queryKeyValue()
                + widest.queries()
                + widest.up()
                + widest.gated();
        long activations = placement.localTracks() * perToken * maxTokens * BF16;
        long outputs = maxSamples
                * (2L * model.hiddenSize() * BF16
                        + ((long) model.vocabSize()
                                        + VocabularySlice.of(model.vocabSize(), 0, ranks)
                                                .size())
                                * Float.BYTES);
        return activations + outputs;
    }
}
