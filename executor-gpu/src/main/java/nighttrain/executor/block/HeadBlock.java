package nighttrain.executor.block;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec;

/**
 * Computes logits from the stream. Every rank computes the logits of its slice of the vocabulary for all rows, then gathers all logits of its share
 * of the rows.
 */
public record HeadBlock(ModelSpec model, int rank, int ranks) {
    private VocabularySlice slice() {
        return VocabularySlice.of(model.vocabSize(), rank, ranks);
    }

    /** Bytes of its buffers on a GPU, with activations in bf16. */
    long bytes(int maxSamples) {
        return maxSamples
                * ((long) model.hiddenSize() * Bfloat16.BYTES
                        + ((long) model.vocabSize() + slice().size()) * Float.BYTES);
    }

    List<Operation> operations(StepSize step) {
        double hidden = model.hiddenSize();
        long vocabulary = (model.vocabSize() + ranks - 1L) / ranks;
        return List.of(new Operation(
                2.0 * step.samples() * hidden * vocabulary,
                hidden * vocabulary + step.samples() * hidden,
                step.samples() * vocabulary));
    }

    /** Loads this rank's part onto the device, with buffers for {@code maxSamples} rows. */
    public Loaded load(Loader loader, int maxSamples) {
        Device device = loader.device();
        int hidden = model.hiddenSize();
        return new Loaded(
                device.ops(),
                device.communicator(),
                // logits / divisor = head(norm(x) / divisor): the divisor goes into the norm's weight, which is in fp32
                model.wiring().normsTracks()
                        ? Optional.empty()
                        : Optional.of(loader.norm(
                                "final norm",
                                model.finalNorm(),
                                1 / model.head().divisor())),
                (float) model.head().softCap(),
                loader.outputs("head", model.head().output(), slice().from(), slice().size()),
                device.tensor("normed output rows", 1, maxSamples, hidden),
                device.logits("logits of this rank", maxSamples, slice().size()),
                device.logits("logits", RowShare.largest(maxSamples, ranks), model.vocabSize()));
    }

    /**
     * A head whose parameters are on the device.
     *
     * @param norm the final norm; none if each track is normed before the tracks are summed
     */
    public record Loaded(
            Ops ops,
            Communicator communicator,
            Optional<Norm> norm,
            float softCap,
            Matrix head,
            Tensor normed,
            Tensor logitsPart,
            Tensor logits) {
        /**
         * Returns the logits of those of {@code rows} that this rank samples from, {@code [1, rows, vocabulary]}.
         *
         * @param rows rows of the stream, {@code [1, output rows, hidden]}
         */
        public Tensor run(Tensor rows) {
            int outputs = rows.rows();
            norm.ifPresent(it -> ops.norm(normed.firstRows(outputs), rows, it));
            Tensor read = norm.isPresent() ? normed.firstRows(outputs) : rows;
            ops.linear(logitsPart.firstRows(outputs), read, head);
            if (softCap > 0) {
                ops.softCap(logitsPart.firstRows(outputs), softCap);
            }
            int here = RowShare.of(outputs, communicator.rank(), communicator.size())
                    .count();
            return communicator.gatherRows(logits.firstRows(here), logitsPart.firstRows(outputs));
        }
    }

    /** The tokens whose logits one rank computes. The vocabulary is cut into ranges of equal length; the last may be shorter. */
    record VocabularySlice(int from, int size) {
        static VocabularySlice of(int vocabulary, int rank, int ranks) {
            int length = (vocabulary + ranks - 1) / ranks;
            int from = Math.min(vocabulary, rank * length);
            return new VocabularySlice(from, Math.min(length, vocabulary - from));
        }
    }
}
