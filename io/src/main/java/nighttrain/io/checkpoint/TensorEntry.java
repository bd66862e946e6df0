package nighttrain.io.checkpoint;

import java.util.List;

/** Where a safetensors file keeps a tensor: bytes {@code begin .. end} of its data. */
record TensorEntry(String name, DType dtype, List<Long> shape, long begin, long end) {
    TensorEntry {
        shape = List.copyOf(shape);
    }
}
