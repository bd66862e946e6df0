package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Library;
import com.sun.jna.Pointer;

/** What tells Hopper's copy engine where a matrix lies; from the driver, whose other functions JCuda has. Constants as in cuda.h. */
public interface TensorMaps extends Library {
    /** The driver's library. */
    String FILE = "libcuda.so.1";

    /** Of a CUtensorMap, at a multiple of {@link #ALIGNMENT}. */
    int BYTES = 128;

    int ALIGNMENT = 64;

    int TYPE_BF16 = 9;
    int NOT_INTERLEAVED = 0;
    int SWIZZLE_128B = 3;
    int L2_128B = 2;
    int ZEROS_OUTSIDE = 0;

    int cuTensorMapEncodeTiled(
            Pointer map,
            int type,
            int dimensions,
            Pointer address,
            long[] sizes,
            long[] byteStrides,
            int[] tile,
            int[] elementStrides,
            int interleave,
            int swizzle,
            int l2Promotion,
            int outside);
}
