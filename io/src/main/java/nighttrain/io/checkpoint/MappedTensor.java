package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.List;
import java.util.Objects;
import nighttrain.io.checkpoint.SafetensorsHeader.TensorEntry;

/** A tensor in a mapped safetensors file whose data begin at {@code dataStart}. */
record MappedTensor(MappedFile file, long dataStart, TensorEntry entry) implements CheckpointTensor {
    @Override
    public String name() {
        return entry.name();
    }

    @Override
    public DType dtype() {
        return entry.dtype();
    }

    @Override
    public List<Long> shape() {
        return entry.shape();
    }

    @Override
    public void copyTo(long from, float[] target, int targetOffset, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        Objects.checkFromIndexSize(targetOffset, count, target.length);
        int elementBytes = dtype().bytes();
        int done = 0;
        while (done < count) {
            long offset = dataStart + entry.begin() + (from + done) * elementBytes;
            ByteBuffer part = file.slice(offset, (long) (count - done) * elementBytes);
            int elements = part.remaining() / elementBytes;
            dtype().widen(part, target, targetOffset + done, elements);
            done += elements;
        }
    }

    /** Copies elements of one byte. */
    void copyBytes(long from, ByteBuffer target, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        for (int done = 0; done < count; ) {
            ByteBuffer part = file.slice(dataStart + entry.begin() + from + done, count - done);
            done += part.remaining();
            target.put(part);
        }
    }

    /** Copies elements stored as bf16 from file to target in one copy. */
    @Override
    public void copyAsBfloat16(long from, ShortBuffer target, int count) {
        if (dtype() != DType.BF16) {
            CheckpointTensor.super.copyAsBfloat16(from, target, count);
            return;
        }
        Objects.checkFromIndexSize(from, (long) count, size());
        int done = 0;
        while (done < count) {
            long offset = dataStart + entry.begin() + (from + done) * Short.BYTES;
            ShortBuffer part =
                    file.slice(offset, (long) (count - done) * Short.BYTES).asShortBuffer();
            done += part.remaining();
            target.put(part);
        }
    }
}
