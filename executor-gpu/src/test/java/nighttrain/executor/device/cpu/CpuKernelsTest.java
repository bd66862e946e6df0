package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractKernelsTest;

class CpuKernelsTest extends AbstractKernelsTest {
    CpuKernelsTest() {
        super(new CpuBackend());
    }
}
