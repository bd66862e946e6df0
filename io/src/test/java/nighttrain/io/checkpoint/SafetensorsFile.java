package nighttrain.io.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Writes valid and invalid safetensors files byte by byte, as the format's page describes them. */
final class SafetensorsFile {
    private final List<String> entries = new ArrayList<>();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    /** Adds a tensor of fp32 values. */
    SafetensorsFile fp32(String name, String shape, float... values) {
        byte[] bytes = new byte[values.length * Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
        return tensor(name, "F32", shape, bytes);
    }

    /** Adds a tensor of 16-bit patterns. */
    SafetensorsFile bits16(String name, String dtype, String shape, int... patterns) {
        byte[] bytes = new byte[patterns.length * Short.BYTES];
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int pattern : patterns) {
            buffer.putShort((short) pattern);
        }
        return tensor(name, dtype, shape, bytes);
    }

    SafetensorsFile tensor(String name, String dtype, String shape, byte[] bytes) {
        int begin = data.size();
        data.writeBytes(bytes);
        return entry(name, dtype, shape, begin, data.size());
    }

    /** Adds a header entry as given, whether it matches the data or not. */
    SafetensorsFile entry(String name, String dtype, String shape, long begin, long end) {
        entries.add("\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                .formatted(name, dtype, shape, begin, end));
        return this;
    }

    byte[] bytes() {
        return bytes("{\"__metadata__\":{\"format\":\"pt\"},"
                + String.join(",", entries)
                        // The length is odd, so the data are not aligned.
                        .concat("} "));
    }

    byte[] bytes(String header) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        byte[] bytes = new byte[Long.BYTES + json.length + data.size()];
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .put(data.toByteArray());
        return bytes;
    }

    void write(Path file) {
        write(file, bytes());
    }

    static void write(Path file, byte[] bytes) {
        try {
            Files.createDirectories(file.getParent());
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
