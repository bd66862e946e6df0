package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.families.Families;

/** Opens checkpoints; no other class does. */
public final class Checkpoints {
    private static final String EXPECTED =
            "a local directory with config.json and *.safetensors; download the model, or check --model";

    private Checkpoints() {}

    /**
     * Opens a model directory: reads {@code config.json}, maps every safetensors file and checks its header and length.
     *
     * @throws UserError where the directory is missing or anything in it is broken or not supported
     */
    public static Checkpoint open(Path dir) {
        return SafetensorsCheckpoint.open(dir, spec(dir));
    }

    /**
     * Returns a checkpoint of random weights in the shape of {@code config.json}, which is the only file needed: normal with standard deviation 0.02,
     * norm weights 1, biases 0; a tensor's values depend on its name alone.
     *
     * @throws UserError as {@link #open}
     */
    public static Checkpoint dummy(Path dir) {
        return new DummyCheckpoint(dir, spec(dir));
    }

    /**
     * Checks that every tensor of the model exists in the shape that its config asks for, and that no module of it has unread tensors; reads no
     * weight.
     *
     * @throws UserError for the first tensor, by name, that fails the check
     */
    public static void checkTensors(Checkpoint checkpoint) {
        checkpoint.spec().tensors().stream()
                .sorted(Comparator.comparing(TensorSpec::name))
                .forEach(tensor -> checkpoint.tensor(
                        tensor.name(),
                        tensor.shape().stream().mapToLong(Long::longValue).toArray()));
        checkpoint.checkUnread();
    }

    private static ModelSpec spec(Path dir) {
        if (!Files.exists(dir)) {
            throw UserError.of("model directory not found", dir.toAbsolutePath(), EXPECTED);
        }
        if (!Files.isDirectory(dir)) {
            throw UserError.of("model is not a directory", dir.toAbsolutePath(), EXPECTED);
        }
        try (Stream<Path> files = Files.list(dir)) {
            if (files.findAny().isEmpty()) {
                throw UserError.of("model directory is empty", dir.toAbsolutePath(), EXPECTED);
            }
        } catch (IOException e) {
            throw UserError.of("cannot list", dir, e.getClass().getSimpleName() + "; check its permissions", e);
        }
        return Families.read(dir.resolve("config.json"));
    }
}
