package nighttrain.executor.block;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Bfloat16;

/** The buffers of all blocks, allocated once for the largest step. A step works on views of their first rows. */
public final class Buffers {
    private final Map<BufferSpec, Tensor> tensors;

    private Buffers(Map<BufferSpec, Tensor> tensors) {
        this.tensors = Map.copyOf(tensors);
    }

    public static Buffers allocate(Device device, Collection<BufferSpec> specs, int tracks, int rows) {
        Map<BufferSpec, Tensor> tensors = new HashMap<>();
        for (BufferSpec spec : specs) {
            tensors.computeIfAbsent(
                    spec,
                    one -> one.isFp32()
                            ? device.logits(
                                    one.role(), tracks, Math.multiplyExact(rows, one.rowsPerToken()), one.cols())
                            : device.tensor(
                                    one.role(), tracks, Math.multiplyExact(rows, one.rowsPerToken()), one.cols()));
        }
        return new Buffers(tensors);
    }

    public Tensor get(BufferSpec spec) {
        return tensors.get(spec);
    }

    /** Views for a step of {@code tokens} tokens. */
    public Buffers firstRows(int tokens) {
        Map<BufferSpec, Tensor> views = new HashMap<>();
        tensors.forEach((spec, tensor) -> views.put(spec, tensor.firstRows(tokens * spec.rowsPerToken())));
        return new Buffers(views);
    }

    /**
     * A buffer that a block works in. Blocks with equal specs share one buffer, since one block runs at a time.
     *
     * @param role purpose of the buffer, named in errors
     * @param cols columns of one track
     * @param rowsPerToken rows per token in every track
     * @param isFp32 whether it is fp32 on every device, as logits are
     */
    public record BufferSpec(String role, int cols, int rowsPerToken, boolean isFp32) {
        public BufferSpec(String role, int cols, int rowsPerToken) {
            this(role, cols, rowsPerToken, false);
        }

        /** A buffer of one row per token and track. */
        public BufferSpec(String role, int cols) {
            this(role, cols, 1);
        }

        /** Returns a buffer of one row per token and track, in fp32 on every device. */
        static BufferSpec inFp32(String role, int cols) {
            return new BufferSpec(role, cols, 1, true);
        }

        /** Bytes for one token of one track on a GPU. */
        long gpuBytesPerToken() {
            return (long) cols * rowsPerToken * (isFp32 ? Float.BYTES : Bfloat16.BYTES);
        }
    }
}
