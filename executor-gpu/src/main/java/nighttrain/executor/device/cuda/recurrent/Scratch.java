package nighttrain.executor.device.cuda.recurrent;

import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;

/** Memory that grows with what a step needs. Captured graphs keep what they were captured with, which stays allocated. */
final class Scratch {
    private final DeviceMemory memory;
    private final String role;
    private DevicePointer latest;
    private long bytes;

    Scratch(DeviceMemory memory, String role) {
        this.memory = memory;
        this.role = role;
    }

    /** Its address, where there are so many bytes. */
    long of(long wanted) {
        if (wanted > bytes) {
            bytes = Math.max(wanted, bytes + bytes / 2);
            latest = memory.allocate(role, bytes);
        }
        return latest.address();
    }
}
