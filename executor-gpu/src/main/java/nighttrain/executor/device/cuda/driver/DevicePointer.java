package nighttrain.executor.device.cuda.driver;

import jcuda.driver.CUdeviceptr;

/** A device pointer that tells its address, which JCuda keeps to itself and other libraries need. */
public final class DevicePointer extends CUdeviceptr {
    public long address() {
        return getNativePointer() + getByteOffset();
    }
}
