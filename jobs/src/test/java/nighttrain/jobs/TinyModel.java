package nighttrain.jobs;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Writes a tiny model with random weights and the demo model's architecture and tokenizer, for tests of everything but text. */
public final class TinyModel {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Integer> SIZES = Map.of(
            "hidden_size", 16,
            "intermediate_size", 32,
            "num_hidden_layers", 2,
            "num_attention_heads", 2,
            "num_key_value_heads", 1,
            "head_dim", 8,
            "num_tracks", 2);

    private TinyModel() {}

    /** Writes the model; to be used with {@link #OPTIONS}. */
    public static Path in(Path dir) throws IOException {
        Files.createDirectories(dir);
        for (String file : List.of("tokenizer.json", "tokenizer_config.json", "generation_config.json")) {
            Files.copy(Project.DEMO_MODEL.resolve(file), dir.resolve(file));
        }
        ObjectNode config = (ObjectNode)
                JSON.readTree(Project.DEMO_MODEL.resolve("config.json").toFile());
        SIZES.forEach(config::put);
        JSON.writeValue(dir.resolve("config.json").toFile(), config);
        return dir;
    }

    /** Options for random weights, whose end tokens mean nothing. */
    static final List<String> OPTIONS = List.of("--load-format", "dummy", "--ignore-eos");

    /** Returns the environment of a command's JVM. Its temporary files are in the test's folder, so killed processes leave none behind. */
    static Map<String, String> environment(Path folder) {
        return Map.of(
                "NIGHTTRAIN_JAVA_OPTS",
                String.join(" ", BriefRun.JVM_FLAGS) + " -Xmx1g -Djava.io.tmpdir=" + folder,
                "NIGHTTRAIN_LOG_DIR",
                folder.toString());
    }
}
