package nighttrain.executor.model;

import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Wiring;

/**
 * The activation buffers of one rank, allocated once for the largest step and named by role. A step works on views of their
 * first rows. {@code attended} and {@code mlpOutput} are apart because an architecture may keep the sum of one travelling
 * while the other is computed; {@code attendedInTurn} takes the output of every other layer's attention where such a sum may start while
 * peers still read the last layer's; {@code spareStream} is where the streams of tracks are summed.
 */
record Workspace(
        Tensor stream,
        Tensor normed,
        Tensor queryKeyValue,
        Tensor mixed,
        Tensor attended,
        Tensor attendedInTurn,
        Tensor up,
        Tensor gated,
        Tensor mlpOutput,
        Tensor spareStream,
        Tensor outputRows,
        Tensor outputNormed,
        Tensor logitsPart,
        Tensor logits) {
    static Workspace allocate(
            Device device, ModelSpec model, Placement placement, int maxTokens, int maxSamples, VocabularySlice slice) {
        int tracks = placement.localTracks();
        int hidden = model.hiddenSize();
        WidestLayer widest = WidestLayer.of(model, placement);
        int samplesHere = RowShare.largest(maxSamples, device.communicator().size());
        return new Workspace(
                device.tensor("residual stream", tracks, maxTokens, hidden),
                device.tensor("normed stream", tracks, maxTokens, hidden),
                device.tensor("queries, keys and values", tracks, maxTokens, widest.queryKeyValue()),
                device.tensor("mixed values", tracks, maxTokens, widest.queries()),
                device.tensor("attention output", tracks, maxTokens, hidden),
                device.tensor("attention output in turn", tracks, turnsToLadder(model) ? maxTokens : 0, hidden),
                device.tensor("up", tracks, maxTokens, widest.up()),
                device.tensor("gated", tracks, widest.gated() > 0 ? maxTokens : 0, widest.gated()),
                device.tensor("MLP output", tracks, maxTokens, hidden),
                device.tensor("spare stream", tracks, model.hasTracks() ? maxTokens : 0, hidden),
                device.tensor("output rows", 1, maxSamples, hidden),
                device.tensor("normed output rows", 1, maxSamples, hidden),
                device.logits("logits of this rank", maxSamples, slice.size()),
                device.logits("logits", samplesHere, model.vocabSize()));
    }

    /**
     * Whether dense layers come before ladder layers: the first of these writes its attention's output when no sum has landed since the
     * last dense layer's attention.
     */
    private static boolean turnsToLadder(ModelSpec model) {
        return model.wiring().kind() == Wiring.Kind.LADDER
                && model.wiring().ladderLayers() < model.layers().size();
    }

    /** Views for a step of {@code tokens} tokens and {@code samples} samples, {@code samplesHere} of them on this rank. */
    Workspace forStep(int tokens, int samples, int samplesHere) {
        return new Workspace(
                stream.firstRows(tokens),
                normed.firstRows(tokens),
                queryKeyValue.firstRows(tokens),
                mixed.firstRows(tokens),
                attended.firstRows(tokens),
                attendedInTurn.firstRows(Math.min(tokens, attendedInTurn.rows())),
                up.firstRows(tokens),
                gated.firstRows(Math.min(tokens, gated.rows())),
                mlpOutput.firstRows(tokens),
                spareStream.firstRows(Math.min(tokens, spareStream.rows())),
                outputRows.firstRows(samples),
                outputNormed.firstRows(samples),
                logitsPart.firstRows(samples),
                logits.firstRows(samplesHere));
    }
}
