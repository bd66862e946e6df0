package nighttrain.executor.device.cuda;

import jcuda.driver.CUdeviceptr;

/** A device pointer that tells its address, which JCuda keeps to itself and other libraries need. */
final class DevicePointer extends CUdeviceptr {
    long address() {
        return getNativePointer() + getByteOffset();
    }
}
