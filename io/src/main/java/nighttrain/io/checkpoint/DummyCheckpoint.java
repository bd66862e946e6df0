package nighttrain.io.checkpoint;

import java.nio.file.Path;
import java.util.Map;

/** Random weights in the shape of a config, for comparing speeds without a checkpoint. */
final class DummyCheckpoint implements Checkpoint {
    private final Path dir;
    private final ModelConfig config;
    private final Map<String, long[]> shapes;

    DummyCheckpoint(Path dir, ModelConfig config) {
        this.dir = dir;
        this.config = config;
        this.shapes = TensorNames.of(config);
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public boolean has(String name) {
        return shapes.containsKey(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        String where = "dummy weights of " + dir.resolve("config.json");
        long[] shape = shapes.get(name);
        if (shape == null) {
            throw TensorFaults.missing(where, name, expectedShape);
        }
        CheckpointTensor tensor = DummyTensor.of(name, shape);
        TensorFaults.checkShape(where, tensor, expectedShape);
        return tensor;
    }

    @Override
    public String fingerprint() {
        return Fingerprint.ofDummy(dir);
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
