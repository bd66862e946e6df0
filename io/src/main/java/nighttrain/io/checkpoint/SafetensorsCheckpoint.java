package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Spelling;

/** Weights in one or several safetensors files. */
final class SafetensorsCheckpoint implements Checkpoint {
    private final Path dir;
    private final ModelSpec spec;
    private final Map<String, MappedTensor> tensors;
    private final Spelling spelling;
    private final ReentrantLock fingerprintLock = new ReentrantLock();
    private String fingerprint;

    private SafetensorsCheckpoint(Path dir, ModelSpec spec, Map<String, MappedTensor> tensors) {
        this.dir = dir;
        this.spec = spec;
        this.tensors = Map.copyOf(tensors);
        this.spelling = spelling(spec, tensors);
    }

    static SafetensorsCheckpoint open(Path dir, ModelSpec spec) {
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
        return new SafetensorsCheckpoint(dir, spec, tensors);
    }

    /** The one in which the embedding is there. */
    private static Spelling spelling(ModelSpec spec, Map<String, MappedTensor> tensors) {
        String embedding = spec.embedding().tokens().name();
        return Stream.concat(Stream.of(Spelling.CANONICAL), spec.spellings().stream())
                .filter(one -> tensors.containsKey(one.of(embedding)))
                .findFirst()
                .orElse(Spelling.CANONICAL);
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
    public ModelSpec spec() {
        return spec;
    }

    @Override
    public boolean has(String name) {
        return tensors.containsKey(spelling.of(name));
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        MappedTensor tensor = tensors.get(spelling.of(name));
        if (tensor == null) {
            throw TensorFaults.missing(dir.toString(), spelling.of(name), expectedShape);
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
