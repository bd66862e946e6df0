package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Pointer;
import jcuda.driver.CUstream;

/** A stream that tells its handle, which other libraries need. */
public final class Stream extends CUstream {
    public Pointer handle() {
        return new Pointer(getNativePointer());
    }
}
