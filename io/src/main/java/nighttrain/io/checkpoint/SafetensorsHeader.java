package nighttrain.io.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * The header of a safetensors file: u64 little-endian length, JSON of that length, then the data, which the tensors fill
 * without gap or overlap.
 *
 * @param dataStart offset of the data in the file
 * @param tensors tensors in the order of their bytes
 */
record SafetensorsHeader(long dataStart, List<TensorEntry> tensors) {
    /** Limit that the format itself sets. */
    static final long MAX_HEADER_BYTES = 100_000_000;

    private static final String COPY_AGAIN = "; copy the file again";

    /** Reads and checks the header against the file's length. */
    static SafetensorsHeader read(MappedFile file) {
        if (file.size() < Long.BYTES) {
            throw truncated(file, Long.BYTES);
        }
        long length = file.slice(0, Long.BYTES).getLong(0);
        if (length < 2 || length > MAX_HEADER_BYTES) {
            throw UserError.of(
                    "bad header length in " + file.path(),
                    Long.toUnsignedString(length),
                    "2 to " + MAX_HEADER_BYTES + " bytes; not a safetensors file, or damaged" + COPY_AGAIN);
        }
        long dataStart = Long.BYTES + length;
        if (dataStart > file.size()) {
            throw truncated(file, dataStart);
        }
        JsonNode json = JsonFile.parse(bytes(file, Long.BYTES, (int) length), "header of " + file.path());
        List<TensorEntry> tensors = new ArrayList<>();
        json.fields().forEachRemaining(field -> {
            if (!field.getKey().equals("__metadata__")) {
                tensors.add(TensorEntry.parse(field.getKey(), field.getValue(), file.path()));
            }
        });
        tensors.sort(Comparator.comparingLong(TensorEntry::begin).thenComparingLong(TensorEntry::end));
        checkLayout(file, dataStart, tensors);
        return new SafetensorsHeader(dataStart, List.copyOf(tensors));
    }

    private static byte[] bytes(MappedFile file, long offset, int length) {
        byte[] bytes = new byte[length];
        for (int done = 0; done < length; ) {
            ByteBuffer part = file.slice(offset + done, length - done);
            int count = part.remaining();
            part.get(bytes, done, count);
            done += count;
        }
        return bytes;
    }

    private static void checkLayout(MappedFile file, long dataStart, List<TensorEntry> tensors) {
        long position = 0;
        String before = "the header";
        for (TensorEntry tensor : tensors) {
            if (tensor.begin() != position) {
                throw UserError.of(
                        (tensor.begin() < position ? "overlapping tensors in " : "gap between tensors in ")
                                + file.path(),
                        before + " and " + tensor.name(),
                        "the latter begins at byte " + tensor.begin() + " of the data, expected " + position
                                + COPY_AGAIN);
            }
            position = tensor.end();
            before = tensor.name();
        }
        if (position > file.size() - dataStart) {
            throw truncated(file, dataStart + position);
        }
        if (position < file.size() - dataStart) {
            throw UserError.of(
                    "bytes after the last tensor in " + file.path(),
                    file.size(),
                    "expected " + (dataStart + position) + " bytes" + COPY_AGAIN);
        }
    }

    private static UserError truncated(MappedFile file, long expectedBytes) {
        return UserError.of(
                "truncated safetensors file",
                file.path(),
                "expected at least " + expectedBytes + " bytes, found " + file.size() + COPY_AGAIN);
    }

    /** The location of a tensor in a safetensors file: bytes {@code begin .. end} of its data. */
    record TensorEntry(String name, DType dtype, List<Long> shape, long begin, long end) {
        TensorEntry {
            shape = List.copyOf(shape);
        }

        /** Reads {@code {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}. */
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
                        dtype + " of shape " + shape + " takes " + (bytes < 0 ? "more than 2^63" : bytes) + COPY_AGAIN);
            }
            return new TensorEntry(name, dtype, shape, offsets.get(0), offsets.get(1));
        }

        private static DType dtype(String name, String found, Path file) {
            return Arrays.stream(DType.values())
                    .filter(dtype -> dtype.name().equals(found))
                    .findFirst()
                    .orElseThrow(
                            () -> UserError.of(
                                    "unknown dtype of tensor " + name + " in " + file,
                                    found,
                                    Arrays.stream(DType.values())
                                                    .filter(dtype -> dtype != DType.U8)
                                                    .map(DType::name)
                                                    .collect(Collectors.joining(", "))
                                            + " are supported; use the model's unquantised checkpoint or one published in fp8"));
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

        /** Returns the bytes of a tensor of this shape; -1 where they exceed a long. */
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
            return UserError.of("bad " + key + " of tensor " + name + " in " + file, json.path(key), hint + COPY_AGAIN);
        }
    }
}
