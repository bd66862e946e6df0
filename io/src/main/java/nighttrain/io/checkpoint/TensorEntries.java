package nighttrain.io.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.UserError;

/** Reads one tensor's entry of a safetensors header: {@code {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}. */
final class TensorEntries {
    private TensorEntries() {}

    static TensorEntry parse(String name, JsonNode json, Path file) {
        DType dtype = dtype(name, json.path("dtype").asText("none"), file);
        List<Long> shape = longs(name, "shape", json, file);
        List<Long> offsets = longs(name, "data_offsets", json, file);
        if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
            throw bad(name, "data_offsets", json, file, "begin and end, in this order");
        }
        long bytes = bytes(dtype, shape);
        long found = offsets.get(1) - offsets.get(0);
        if (bytes != found) {
            throw UserError.of(
                    "wrong length of tensor " + name + " in " + file,
                    found + " bytes",
                    dtype + " of shape " + shape + " takes " + (bytes < 0 ? "more than 2^63" : bytes)
                            + "; copy the file again");
        }
        return new TensorEntry(name, dtype, shape, offsets.get(0), offsets.get(1));
    }

    private static DType dtype(String name, String found, Path file) {
        return Arrays.stream(DType.values())
                .filter(dtype -> dtype.name().equals(found))
                .findFirst()
                .orElseThrow(() -> UserError.of(
                        "unknown dtype of tensor " + name + " in " + file,
                        found,
                        Arrays.stream(DType.values()).map(DType::name).collect(Collectors.joining(", "))
                                + " are supported; choose or convert to an unquantised checkpoint"));
    }

    private static List<Long> longs(String name, String key, JsonNode json, Path file) {
        JsonNode array = json.path(key);
        List<Long> longs = new ArrayList<>();
        for (JsonNode value : array) {
            if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
                throw bad(name, key, json, file, "integers from 0");
            }
            longs.add(value.longValue());
        }
        if (!array.isArray()) {
            throw bad(name, key, json, file, "a list of integers from 0");
        }
        return longs;
    }

    /** Bytes that the shape takes; -1 where they exceed a long. */
    private static long bytes(DType dtype, List<Long> shape) {
        if (shape.contains(0L)) {
            return 0;
        }
        try {
            long bytes = dtype.bytes();
            for (long size : shape) {
                bytes = Math.multiplyExact(bytes, size);
            }
            return bytes;
        } catch (ArithmeticException e) {
            return -1;
        }
    }

    private static UserError bad(String name, String key, JsonNode json, Path file, String hint) {
        return UserError.of(
                "bad " + key + " of tensor " + name + " in " + file, json.path(key), hint + "; copy the file again");
    }
}
