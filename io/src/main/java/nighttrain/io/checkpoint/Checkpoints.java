package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import java.util.stream.Stream;
import nighttrain.io.UserError;

/** The one place that opens checkpoints. */
public final class Checkpoints {
    private static final String EXPECTED = "config.json and *.safetensors are expected; check --model";

    private Checkpoints() {}

    /**
     * Opens a model directory: reads {@code config.json}, maps every safetensors file and checks its header and length.
     *
     * @throws UserError where the directory is missing or anything in it is broken or not supported
     */
    public static Checkpoint open(Path dir) {
        Checkpoint published = SafetensorsCheckpoint.open(dir, config(dir));
        return switch (published.config().modelType()) {
            case "gpt2" -> Gpt2Checkpoint.of(published);
            case "phi" -> RenamedCheckpoint.phi(published);
            default -> published;
        };
    }

    /**
     * A checkpoint of random weights in the shape of {@code config.json}, which is the only file needed: normal with standard
     * deviation 0.02, norm weights 1, biases 0; a tensor's values depend on nothing but its name.
     *
     * @throws UserError as {@link #open}
     */
    public static Checkpoint dummy(Path dir) {
        return new DummyCheckpoint(dir, config(dir));
    }

    /**
     * Checks that every tensor of the model is there, in the shape that its config says; reads no weight.
     *
     * @throws UserError for the first by name that is not
     */
    public static void checkTensors(Checkpoint checkpoint) {
        new TreeMap<>(TensorNames.of(checkpoint.config())).forEach(checkpoint::tensor);
    }

    private static ModelConfig config(Path dir) {
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
        return ModelConfigs.read(dir.resolve("config.json"));
    }
}
