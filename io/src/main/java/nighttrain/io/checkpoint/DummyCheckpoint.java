package nighttrain.io.checkpoint;

import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.TensorSpec;

/** Random weights in the shape of a config, for comparing speeds without a checkpoint. */
final class DummyCheckpoint implements Checkpoint {
    private final Path dir;
    private final ModelSpec spec;
    private final Map<String, TensorSpec> tensors;

    DummyCheckpoint(Path dir, ModelSpec spec) {
        this.dir = dir;
        this.spec = spec;
        this.tensors = spec.tensors().stream().collect(Collectors.toMap(TensorSpec::name, Function.identity()));
    }

    @Override
    public ModelSpec spec() {
        return spec;
    }

    @Override
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        String where = "dummy weights of " + dir.resolve("config.json");
        TensorSpec found = tensors.get(name);
        if (found == null) {
            throw TensorFaults.missing(where, name, expectedShape);
        }
        CheckpointTensor tensor = new DummyTensor(found);
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
