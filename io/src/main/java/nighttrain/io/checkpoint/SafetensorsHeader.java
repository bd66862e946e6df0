package nighttrain.io.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * The header of a safetensors file: u64 little-endian length, JSON of that length, then the data, which the tensors fill
 * without gap or overlap.
 *
 * @param dataStart where the data begin in the file
 * @param tensors in the order of their bytes
 */
record SafetensorsHeader(long dataStart, List<TensorEntry> tensors) {
    /** The format's own limit. */
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
                tensors.add(TensorEntries.parse(field.getKey(), field.getValue(), file.path()));
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
}
