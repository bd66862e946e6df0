package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.ModelDir;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FingerprintTest {
    @TempDir
    Path dir;

    private Path model;
    private String before;

    @BeforeEach
    void writeModel() {
        model = dir.resolve("model");
        ModelDir.of(model, "llama").write();
        new SafetensorsFile().fp32("a", "[2]", 1, 2).fp32("b", "[1, 1]", 3).write(model.resolve("model.safetensors"));
        before = fingerprint(model);
    }

    private static String fingerprint(Path dir) {
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            String fingerprint = checkpoint.fingerprint();
            assertThat(checkpoint.fingerprint()).isEqualTo(fingerprint);
            return fingerprint;
        }
    }

    @Test
    void copiesAreEqual() throws IOException {
        Path copy = Files.createDirectory(dir.resolve("copy"));
        for (String name : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(model.resolve(name), copy.resolve(name));
        }
        assertThat(fingerprint(copy)).isEqualTo(before).matches("[0-9a-f]{64}");
    }

    @Test
    void everyChangeCounts() throws IOException {
        new SafetensorsFile()
                .fp32("a", "[2]", 1, 2.0001f)
                .fp32("b", "[1, 1]", 3)
                .write(model.resolve("model.safetensors"));
        assertThat(fingerprint(model)).as("a value").isNotEqualTo(before);
        new SafetensorsFile().fp32("a", "[2]", 1, 2).fp32("b", "[1]", 3).write(model.resolve("model.safetensors"));
        assertThat(fingerprint(model)).as("a shape").isNotEqualTo(before);
        new SafetensorsFile().fp32("a", "[2]", 1, 2).fp32("c", "[1, 1]", 3).write(model.resolve("model.safetensors"));
        assertThat(fingerprint(model)).as("a name").isNotEqualTo(before);
        writeModel();
        ModelDir.of(model, "llama").with("rms_norm_eps", "1e-5").write();
        assertThat(fingerprint(model)).as("the config").isNotEqualTo(before);
        writeModel();
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        assertThat(fingerprint(model)).as("the tokenizer").isNotEqualTo(before);
    }

    @Test
    void largeFilesAreSampled() throws IOException {
        Path large = model.resolve("model.safetensors");
        long bytes = 80L << 20;
        byte[] header = new SafetensorsFile()
                .entry("w", "F32", "[" + bytes / 4 + "]", 0, bytes)
                .bytes();
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.write(header);
            file.setLength(header.length + bytes);
        }
        String sparse = fingerprint(model);
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.seek(header.length + bytes - 1);
            file.write(1);
        }
        assertThat(fingerprint(model)).as("the last byte").isNotEqualTo(sparse);
    }
}
