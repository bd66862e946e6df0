package nighttrain.io.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.SafetensorsHeader.TensorEntry;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.ModelSpec.Spelling;
import nighttrain.io.spec.Quantization;
import nighttrain.io.spec.Quantization.Block;
import nighttrain.io.spec.TensorSpec.Stacked;

/** A checkpoint whose weights are in one or several safetensors files. */
final class SafetensorsCheckpoint implements Checkpoint {
    /** Suffixes of the scales' names, after the weight's name. Despite its name, the second is a factor, too. */
    private static final List<String> WEIGHT_SCALES = List.of("_scale", "_scale_inv");

    /** Scales of activations in a quantised layer. They are not needed: the engine scales activations by their own values. */
    private static final List<String> ACTIVATION_SCALES = List.of("input_scale", "activation_scale", "output_scale");

    private final Path dir;
    private final ModelSpec spec;
    private final Optional<Block> block;
    private final Map<String, MappedTensor> tensors;
    private final Spelling spelling;
    private final List<String> warnings;
    private final ReentrantLock fingerprintLock = new ReentrantLock();
    private String fingerprint;

    private SafetensorsCheckpoint(Path dir, ModelSpec spec, Map<String, MappedTensor> tensors) {
        this.dir = dir;
        this.tensors = Map.copyOf(tensors);
        this.spelling = spelling(spec, tensors);
        this.block = spec.quantization().flatMap(Quantization::block);
        Optional<Head> saved = savedHead(spec);
        this.spec = saved.map(spec::withHead).orElse(spec);
        this.warnings = saved.map(head -> "head of its own in " + dir + ": "
                        + spelling.of(head.own().weight())
                        + " (differs from "
                        + spelling.of(spec.embedding().tokens().name())
                        + " though tie_word_embeddings is true; it is used, as transformers does)")
                .map(List::of)
                .orElse(List.of());
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

    /** Returns a head stored beside the embedding to which the config ties it, where the two differ: transformers 5 uses the stored head. */
    private Optional<Head> savedHead(ModelSpec model) {
        Head head = model.head();
        if (head.tiedTo().isEmpty()
                || !has(head.own().weight())
                || !has(head.output().weight())) {
            return Optional.empty();
        }
        CheckpointTensor own = valued(tensors.get(spelling.of(head.own().weight())));
        CheckpointTensor tied = valued(tensors.get(spelling.of(head.output().weight())));
        return own.shape().equals(tied.shape()) && sameValues(own, tied)
                ? Optional.empty()
                : Optional.of(head.untied());
    }

    private static boolean sameValues(CheckpointTensor a, CheckpointTensor b) {
        int piece = (int) Math.min(a.size(), 1 << 16);
        float[] ofA = new float[piece];
        float[] ofB = new float[piece];
        for (long from = 0; from < a.size(); from += piece) {
            int count = (int) Math.min(piece, a.size() - from);
            a.copyTo(from, ofA, 0, count);
            b.copyTo(from, ofB, 0, count);
            if (!Arrays.equals(ofA, 0, count, ofB, 0, count)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public List<String> warnings() {
        return warnings;
    }

    @Override
    public void checkUnread() {
        Set<String> spare = new HashSet<>(Set.of(spelling.of(spec.head().own().weight())));
        tensors.values().stream()
                .filter(tensor -> tensor.dtype() == DType.F8_E4M3)
                .forEach(tensor -> spare.addAll(scaleNames(tensor.name())));
        spec.tensors().stream()
                .map(tensor -> spelling.of(Stacked.whole(tensor.name())))
                .filter(name -> !tensors.containsKey(name))
                .forEach(name -> spare.addAll(List.of(name + Mxfp4Tensor.BLOCKS, name + Mxfp4Tensor.SCALES)));
        TensorChecks.firstUnread(tensors.keySet(), spec.tensors(), spelling, spare)
                .ifPresent(name -> {
                    throw UserError.of(
                            "tensor that nothing reads in "
                                    + tensors.get(name).file().path(),
                            name,
                            "config.json does not speak of it, and without it every answer would be another; correct"
                                    + " config.json or choose another model");
                });
    }

    /** Returns the spelling in which the embedding exists. */
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
        Optional<Stacked> stacked = Stacked.of(name);
        if (stacked.isPresent()) {
            long[] all = LongStream.concat(LongStream.of(stacked.get().count()), Arrays.stream(expectedShape))
                    .toArray();
            return TensorViews.Part.ofStack(
                    name, tensor(stacked.get().name(), all), stacked.get().index());
        }
        MappedTensor tensor = tensors.get(spelling.of(name));
        if (tensor == null && tensors.containsKey(spelling.of(name) + Mxfp4Tensor.BLOCKS)) {
            return mxfp4(spelling.of(name), expectedShape);
        }
        if (tensor == null) {
            throw TensorChecks.missing(dir.toString(), spelling.of(name), expectedShape);
        }
        TensorChecks.checkShape(tensor.file().path().toString(), tensor, expectedShape);
        return valued(tensor);
    }

    private CheckpointTensor mxfp4(String name, long... expectedShape) {
        MappedTensor blocks = tensors.get(name + Mxfp4Tensor.BLOCKS);
        MappedTensor scales = tensors.get(name + Mxfp4Tensor.SCALES);
        if (scales == null) {
            throw TensorChecks.missing(dir.toString(), name + Mxfp4Tensor.SCALES, expectedShape);
        }
        checkBytes(blocks);
        checkBytes(scales);
        return Mxfp4Tensor.of(name, blocks, scales, expectedShape);
    }

    private static void checkBytes(MappedTensor tensor) {
        if (tensor.dtype() != DType.U8) {
            throw wrongDtype(tensor, "U8 is expected; copy the file again");
        }
    }

    private static UserError wrongDtype(MappedTensor tensor, String limit) {
        return UserError.of(
                "wrong dtype of tensor " + tensor.name() + " in "
                        + tensor.file().path(),
                tensor.dtype(),
                limit);
    }

    /** Returns the tensor with its values: 8-bit numbers get their scales; wider numbers are returned as they are. */
    private CheckpointTensor valued(MappedTensor tensor) {
        if (tensor.dtype() == DType.U8) {
            throw wrongDtype(
                    tensor,
                    "bytes are read only as MXFP4; use the model's unquantised checkpoint or one published in fp8");
        }
        if (tensor.dtype() != DType.F8_E4M3) {
            return tensor;
        }
        MappedTensor scale = WEIGHT_SCALES.stream()
                .map(suffix -> tensors.get(tensor.name() + suffix))
                .filter(Objects::nonNull)
                .findFirst()
                .orElseThrow(() -> UserError.of(
                        "missing scales of a tensor in " + tensor.file().path(),
                        tensor.name(),
                        "numbers of 8 bits have them in " + tensor.name() + WEIGHT_SCALES.get(0) + " or "
                                + WEIGHT_SCALES.get(1) + "; copy the file again or choose another model"));
        return ScaledTensor.of(tensor, scale, block);
    }

    /** Returns the names of the scales that may accompany an 8-bit weight: its own, and static ones of its layer's inputs and outputs. */
    private static List<String> scaleNames(String weight) {
        String module = weight.substring(0, weight.lastIndexOf('.') + 1);
        return Stream.concat(
                        WEIGHT_SCALES.stream().map(suffix -> weight + suffix),
                        ACTIVATION_SCALES.stream().map(name -> module + name))
                .toList();
    }

    @Override
    public String fingerprint() {
        // Computed once, on first use: it reads up to 64 MiB of every file.
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
        // Nothing to release: files are closed once mapped, and mappings end with the last tensor that uses them.
    }
}
