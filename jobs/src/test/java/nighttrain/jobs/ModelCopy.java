package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** A copy of the demo model to break. */
record ModelCopy(Path dir) {
    static final String WEIGHTS = "model.safetensors";

    static ModelCopy in(Path dir) {
        try (Stream<Path> files = Files.list(Project.DEMO_MODEL)) {
            Files.createDirectories(dir);
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, dir.resolve(file.getFileName()));
            }
            return new ModelCopy(dir);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void delete(String file) throws IOException {
        Files.delete(dir.resolve(file));
    }

    void truncateWeights(long bytes) throws IOException {
        byte[] whole = Files.readAllBytes(dir.resolve(WEIGHTS));
        Files.write(dir.resolve(WEIGHTS), java.util.Arrays.copyOf(whole, (int) bytes));
    }

    void editConfig(UnaryOperator<String> edit) throws IOException {
        Path config = dir.resolve("config.json");
        Files.writeString(config, edit.apply(Files.readString(config)));
    }

    /** Overwrites all of a tensor with NaN. */
    void poison(String tensor) throws IOException {
        byte[] file = Files.readAllBytes(dir.resolve(WEIGHTS));
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        JsonNode entry = new ObjectMapper().readTree(file, Long.BYTES, length).path(tensor);
        if (!entry.path("dtype").asText().equals("BF16")) {
            throw new IllegalArgumentException("not a bf16 tensor of the model: " + tensor);
        }
        ByteBuffer values = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int data = Long.BYTES + length;
        for (int at = entry.at("/data_offsets/0").asInt();
                at < entry.at("/data_offsets/1").asInt();
                at += Short.BYTES) {
            values.putShort(data + at, (short) 0x7fc0);
        }
        Files.write(dir.resolve(WEIGHTS), file);
    }

    /** Adds a bf16 tensor of zeros. */
    void addTensor(String name, int rows, int cols) throws IOException {
        byte[] file = Files.readAllBytes(dir.resolve(WEIGHTS));
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        int end = file.length - Long.BYTES - length;
        int added = rows * cols * Short.BYTES;
        String header = new String(file, Long.BYTES, length, StandardCharsets.UTF_8)
                .replaceFirst(
                        "\\}\\s*$",
                        ",\"" + name + "\":{\"dtype\":\"BF16\",\"shape\":[" + rows + "," + cols + "],\"data_offsets\":["
                                + end + "," + (end + added) + "]}}");
        byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer more =
                ByteBuffer.allocate(Long.BYTES + bytes.length + end + added).order(ByteOrder.LITTLE_ENDIAN);
        more.putLong(bytes.length).put(bytes).put(file, Long.BYTES + length, end);
        Files.write(dir.resolve(WEIGHTS), more.array());
    }

    /** Edits the JSON header of the weights; it must keep its length. */
    void editHeader(UnaryOperator<String> edit) throws IOException {
        byte[] file = Files.readAllBytes(dir.resolve(WEIGHTS));
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        byte[] header = edit.apply(new String(file, Long.BYTES, length, StandardCharsets.UTF_8))
                .getBytes(StandardCharsets.UTF_8);
        if (header.length != length) {
            throw new IllegalArgumentException("header grew from " + length + " to " + header.length + " bytes");
        }
        System.arraycopy(header, 0, file, Long.BYTES, length);
        Files.write(dir.resolve(WEIGHTS), file);
    }
}
