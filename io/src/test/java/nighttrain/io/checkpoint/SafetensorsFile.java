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

/** Writes safetensors files, good and bad, byte by byte as the format's page describes them. */
final class SafetensorsFile {
    private final List<String> entries = new ArrayList<>();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    /** Adds a tensor of fp32 values. */
    SafetensorsFile fp32(String name, String shape, float... values) {
        ByteBuffer bytes = buffer(values.length * Float.BYTES);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return tensor(name, "F32", shape, bytes.array());
    }

    /** Adds a tensor of 16-bit patterns. */
    SafetensorsFile bits16(String name, String dtype, String shape, int... patterns) {
        ByteBuffer bytes = buffer(patterns.length * Short.BYTES);
        for (int pattern : patterns) {
            bytes.putShort((short) pattern);
        }
        return tensor(name, dtype, shape, bytes.array());
    }

    SafetensorsFile tensor(String name, String dtype, String shape, byte[] bytes) {
        int begin = data.size();
        data.writeBytes(bytes);
        return entry(name, dtype, shape, begin, data.size());
    }

    /** Adds a header entry as it is, true or not. */
    SafetensorsFile entry(String name, String dtype, String shape, long begin, long end) {
        entries.add("\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                .formatted(name, dtype, shape, begin, end));
        return this;
    }

    byte[] bytes() {
        return bytes("{\"__metadata__\":{\"format\":\"pt\"},"
                + String.join(",", entries)
                        // An odd length, so that the data are aligned to nothing.
                        .concat("} "));
    }

    byte[] bytes(String header) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return buffer(Long.BYTES + json.length + data.size())
                .putLong(json.length)
                .put(json)
                .put(data.toByteArray())
                .array();
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
