package nighttrain.executor.device.cuda.recurrent;

import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;

/** Memory that grows with the need of steps. Captured graphs keep the memory that they were captured with, which stays allocated. */
final class Scratch {
    private final DeviceMemory memory;
    private final String role;
    private DevicePointer latest;
    private long bytes;

    Scratch(DeviceMemory memory, String role) {
        this.memory = memory;
        this.role = role;
    }

    /** Returns the address of at least {@code wanted} bytes. */
    long of(long wanted) {
        if (wanted > bytes) {
            bytes = Math.max(wanted, bytes + bytes / 2);
            latest = memory.allocate(role, bytes);
        }
        return latest.address();
    }
}
