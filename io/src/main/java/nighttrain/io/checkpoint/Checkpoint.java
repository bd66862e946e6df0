package nighttrain.io.checkpoint;

import java.util.List;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.WeightFormat;

/**
 * A model directory in the Hugging Face layout: {@code config.json} and {@code *.safetensors}. Opening it checks every file's
 * header and length; no weight is read before it is asked for. Safe for use by several threads.
 */
public interface Checkpoint extends AutoCloseable {
    /** What the model consists of. */
    ModelSpec spec();

    /** Whether the checkpoint has a tensor of that name. */
    boolean has(String name);

    /**
     * Returns a tensor by name.
     *
     * @throws nighttrain.io.UserError where it is missing or has another shape; the error names file, tensor, found and expected shape
     */
    CheckpointTensor tensor(String name, long... expectedShape);

    /**
     * Refuses unread tensors in modules that the model has.
     *
     * @throws nighttrain.io.UserError for the first such tensor by name
     */
    default void checkUnread() {}

    /**
     * Returns a linear layer's weight as {@code [outputs, inputs]}, however it is stored.
     *
     * @param track the track, where every track has a weight of its own
     * @throws nighttrain.io.UserError as {@link #tensor}
     */
    default CheckpointTensor weight(Linear linear, int track) {
        Linear.Storage storage = linear.storage();
        String name = TensorSpec.ofTrack(linear.weight(), track);
        return storage.inputsFirst()
                ? new TensorViews.TransposedColumns(linear, tensor(name, linear.inputs(), storage.outputs()))
                : TensorViews.outputs(linear, tensor(name, storage.outputs(), linear.inputs()));
    }

    /** Returns a linear layer's bias, {@code [outputs]}, of a layer that has one; otherwise like {@link #weight}. */
    default CheckpointTensor bias(Linear linear, int track) {
        String name = TensorSpec.ofTrack(linear.bias().orElseThrow(), track);
        return TensorViews.outputs(linear, tensor(name, linear.storage().outputs()));
    }

    /** Returns the same tensors, with the formats in which an engine keeps weights. */
    default Checkpoint with(WeightFormat.Choice weights) {
        return with(spec().with(weights));
    }

    /** Returns the same tensors with a spec that differs from {@link #spec} only in the formats in which an engine keeps numbers. */
    default Checkpoint with(ModelSpec chosen) {
        return new ChosenFormats(this, chosen);
    }

    /** Returns what the user should know about the checkpoint, one line each; none of it prevents its use. */
    default List<String> warnings() {
        return List.of();
    }

    /**
     * Identifies the model's content: equal for copies of a directory, different when config, tensors or the bytes that {@link Fingerprint} reads
     * differ.
     */
    String fingerprint();

    @Override
    void close();

    /** A checkpoint whose spec sets the formats in which an engine keeps weights, keys, values and states. */
    record ChosenFormats(Checkpoint of, ModelSpec spec) implements Checkpoint {
        @Override
        public boolean has(String name) {
            return of.has(name);
        }

        @Override
        public CheckpointTensor tensor(String name, long... expectedShape) {
            return of.tensor(name, expectedShape);
        }

        @Override
        public void checkUnread() {
            of.checkUnread();
        }

        @Override
        public CheckpointTensor weight(Linear linear, int track) {
            return of.weight(linear, track);
        }

        @Override
        public CheckpointTensor bias(Linear linear, int track) {
            return of.bias(linear, track);
        }

        @Override
        public List<String> warnings() {
            return of.warnings();
        }

        @Override
        public String fingerprint() {
            return of.fingerprint();
        }

        @Override
        public void close() {
            of.close();
        }
    }
}
