package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import nighttrain.io.UserError;

/** Weights in one or several safetensors files. */
final class SafetensorsCheckpoint implements Checkpoint {
    private final Path dir;
    private final ModelConfig config;
    private final Map<String, MappedTensor> tensors;
    private final ReentrantLock fingerprintLock = new ReentrantLock();
    private String fingerprint;

    private SafetensorsCheckpoint(Path dir, ModelConfig config, Map<String, MappedTensor> tensors) {
        this.dir = dir;
        this.config = config;
        this.tensors = Map.copyOf(tensors);
    }

    static SafetensorsCheckpoint open(Path dir, ModelConfig config) {
        WeightFiles weights = WeightFiles.of(dir);
        Map<String, MappedTensor> tensors = new HashMap<>();
        for (Path path : weights.files()) {
            MappedFile file = map(path);
            SafetensorsHeader header = SafetensorsHeader.read(file);
            for (TensorEntry entry : header.tensors()) {
                if (weights.index()
                        .map(index -> path.equals(index.get(entry.name())))
                        .orElse(true)) {
                    tensors.put(entry.name(), new MappedTensor(file, header.dataStart(), entry));
                }
            }
        }
        weights.index().ifPresent(index -> checkIndex(index, tensors));
        return new SafetensorsCheckpoint(dir, config, tensors);
    }

    private static MappedFile map(Path path) {
        try {
            return MappedFile.map(path);
        } catch (IOException e) {
            throw UserError.of(
                    "cannot read", path, e.getClass().getSimpleName() + "; check the file and its permissions", e);
        }
    }

    private static void checkIndex(Map<String, Path> index, Map<String, MappedTensor> tensors) {
        index.forEach((name, shard) -> {
            if (!tensors.containsKey(name)) {
                throw UserError.of(
                        "missing tensor in " + shard,
                        name,
                        "expected there by " + WeightFiles.INDEX + "; copy both files again");
            }
        });
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        MappedTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw TensorFaults.missing(dir.toString(), name, expectedShape);
        }
        TensorFaults.checkShape(tensor.file().path().toString(), tensor, expectedShape);
        return tensor;
    }

    @Override
    public String fingerprint() {
        // Computed once, on first use: it reads up to some 16 MB of every file.
        fingerprintLock.lock();
        try {
            if (fingerprint == null) {
                fingerprint = Fingerprint.of(dir, all());
            }
            return fingerprint;
        } finally {
            fingerprintLock.unlock();
        }
    }

    private Collection<MappedTensor> all() {
        return tensors.values();
    }

    @Override
    public void close() {
        // Nothing to give back: files are closed once mapped, and mappings go with the last tensor that uses them.
    }
}
