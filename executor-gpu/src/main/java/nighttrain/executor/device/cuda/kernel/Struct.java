package nighttrain.executor.device.cuda.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Writes a C struct: fields in order, each aligned to its size. */
public final class Struct {
    private static final int LARGEST = 512;

    private final ByteBuffer bytes = ByteBuffer.allocateDirect(LARGEST).order(ByteOrder.nativeOrder());

    public Struct pointer(long address) {
        align(Long.BYTES);
        bytes.putLong(address);
        return this;
    }

    public Struct pointers(long[] addresses, int capacity) {
        for (int i = 0; i < capacity; i++) {
            pointer(i < addresses.length ? addresses[i] : 0);
        }
        return this;
    }

    public Struct longs(long value) {
        return pointer(value);
    }

    public Struct integer(int value) {
        align(Integer.BYTES);
        bytes.putInt(value);
        return this;
    }

    public Struct number(float value) {
        align(Float.BYTES);
        bytes.putFloat(value);
        return this;
    }

    public Struct bytes(byte[] values) {
        bytes.put(values);
        return this;
    }

    private void align(int size) {
        bytes.position((bytes.position() + size - 1) / size * size);
    }

    ByteBuffer bytes() {
        return bytes;
    }
}
