package nighttrain.executor.device.cpu;

import java.util.List;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.TestBackend;

/** Runs tests in fp32 on the CPU, with two threads a rank. */
final class CpuBackend implements TestBackend {
    @Override
    public List<Device> open(int ranks) {
        return CpuDevice.ranks(ranks, 2);
    }

    @Override
    public int maxRanks() {
        return Integer.MAX_VALUE;
    }

    @Override
    public double tolerance() {
        return 1e-5;
    }
}
