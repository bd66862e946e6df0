package nighttrain.io.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * The safetensors files of a model.
 *
 * @param files files in the order of their names
 * @param index for a sharded model: tensor name to file; empty for a single file
 */
record WeightFiles(List<Path> files, Optional<Map<String, Path>> index) {
    static final String SINGLE = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";

    /** Chooses as transformers does: {@value #SINGLE}, else {@value #INDEX}, else the only safetensors file. */
    static WeightFiles of(Path dir) {
        if (Files.exists(dir.resolve(SINGLE))) {
            return new WeightFiles(List.of(dir.resolve(SINGLE)), Optional.empty());
        }
        if (Files.exists(dir.resolve(INDEX))) {
            return sharded(dir);
        }
        List<Path> found = safetensors(dir);
        if (found.size() == 1) {
            return new WeightFiles(found, Optional.empty());
        }
        throw found.isEmpty()
                ? UserError.of(
                        "no *.safetensors in the model directory",
                        dir.toAbsolutePath(),
                        "weights are read from safetensors; convert other formats")
                : UserError.of(
                        "no " + INDEX + " in the model directory",
                        dir.toAbsolutePath(),
                        "needed with " + found.size() + " safetensors files; copy it from where the model came from");
    }

    private static List<Path> safetensors(Path dir) {
        try (Stream<Path> paths = Files.list(dir)) {
            return paths.filter(path -> path.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw UserError.of("cannot list", dir, e.getClass().getSimpleName() + "; check its permissions", e);
        }
    }

    private static WeightFiles sharded(Path dir) {
        Path indexFile = dir.resolve(INDEX);
        JsonNode weightMap = JsonFile.read(indexFile).path("weight_map");
        if (!weightMap.isObject() || weightMap.isEmpty()) {
            throw UserError.of(
                    "missing key in " + indexFile, "weight_map", "tensor names to files; copy the file again");
        }
        Map<String, Path> index = new TreeMap<>();
        weightMap.fields().forEachRemaining(entry -> index.put(entry.getKey(), shard(dir, entry.getValue())));
        for (Path shard : new TreeSet<>(index.values())) {
            if (!Files.isRegularFile(shard)) {
                throw UserError.of("missing shard", shard, "named in " + INDEX + "; copy it there");
            }
        }
        return new WeightFiles(List.copyOf(new TreeSet<>(index.values())), Optional.of(index));
    }

    private static Path shard(Path dir, JsonNode name) {
        String text = name.asText("");
        // Only files of the directory itself: an index is foreign data and must not point elsewhere.
        if (!name.isTextual() || !text.endsWith(".safetensors") || text.contains("/") || text.contains("\\")) {
            throw UserError.of(
                    "bad shard name in " + dir.resolve(INDEX),
                    name,
                    "a *.safetensors file of the same directory; copy the file again");
        }
        return dir.resolve(text);
    }
}
