package nighttrain.io;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.families.Families;

/** Writes small model directories. */
public final class ModelDir {
    private final Path dir;
    private final ObjectNode config = JsonNodeFactory.instance.objectNode();

    private ModelDir(Path dir) {
        this.dir = dir;
    }

    /** Returns a model directory whose config has this type and the five required sizes, under gpt2's own names where it is one. */
    public static ModelDir of(Path dir, String modelType) {
        ModelDir model = new ModelDir(dir);
        boolean isGpt2 = modelType.equals("gpt2");
        model.config
                .put("model_type", modelType)
                .put(isGpt2 ? "n_embd" : "hidden_size", 32)
                .put("intermediate_size", 48)
                .put(isGpt2 ? "n_layer" : "num_hidden_layers", 4)
                .put(isGpt2 ? "n_head" : "num_attention_heads", 4)
                .put("num_key_value_heads", 2)
                .put("vocab_size", 96);
        return model;
    }

    /** Returns a model directory with a whole config. */
    public static ModelDir json(Path dir, String config) {
        ModelDir model = new ModelDir(dir);
        try {
            model.config.setAll((ObjectNode) new ObjectMapper().readTree(config));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return model;
    }

    /** Sets a key to a piece of JSON. */
    public ModelDir with(String key, String json) {
        config.putRawValue(key, new RawValue(json));
        return this;
    }

    public ModelDir without(String key) {
        config.remove(key);
        return this;
    }

    public Path configFile() {
        return dir.resolve("config.json");
    }

    /** Writes config.json and reads it back. */
    public ModelSpec read() {
        write();
        return Families.read(configFile());
    }

    public ModelDir write() {
        return file("config.json", config.toString());
    }

    public ModelDir file(String name, String content) {
        try {
            Files.createDirectories(dir);
            Files.writeString(dir.resolve(name), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    public Path dir() {
        return dir;
    }
}
