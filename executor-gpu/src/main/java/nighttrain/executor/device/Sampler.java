package nighttrain.executor.device;

/** Chooses the next tokens on the device. */
public interface Sampler {
    /**
     * Samples one token for each row of {@code logits [1, rows, vocabulary]}, which are consumed. Row i belongs to the step's sample request {@code
     * first + i}.
     */
    void sample(Tensor logits, int first);
}
