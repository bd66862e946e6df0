package nighttrain.io.checkpoint;

/**
 * A model directory in the Hugging Face layout: {@code config.json} and {@code *.safetensors}. Opening it checks every file's
 * header and length; no weight is read before it is asked for. Safe for use by several threads.
 */
public interface Checkpoint extends AutoCloseable {
    ModelConfig config();

    /** Whether there is a tensor of that name. */
    boolean has(String name);

    /**
     * A tensor by name.
     *
     * @throws nighttrain.io.UserError where it is missing or has another shape: names file, tensor, found and expected
     */
    CheckpointTensor tensor(String name, long... expectedShape);

    /** Identifies the model's content: equal for copies of a directory, different when config, tensors or bytes differ. */
    String fingerprint();

    @Override
    void close();
}
