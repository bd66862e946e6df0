package nighttrain.executor.device.cuda;

import com.sun.jna.Pointer;
import jcuda.driver.CUstream;

/** A stream that tells its handle, which other libraries need. */
final class Stream extends CUstream {
    Pointer handle() {
        return new Pointer(getNativePointer());
    }
}
