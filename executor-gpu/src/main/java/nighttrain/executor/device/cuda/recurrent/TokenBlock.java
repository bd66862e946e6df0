package nighttrain.executor.device.cuda.recurrent;

import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Sizes the blocks that compute token by token, with some columns of a head's state in registers. */
final class TokenBlock {
    static final int THREADS = 128;

    /** Elements of a state that a block has registers for. */
    private static final int ELEMENTS = 64 * THREADS;

    private TokenBlock() {}

    /** Returns how many of a head's {@code cols} columns a block computes: blocks are as even as vectors allow. */
    static int columns(int cols, int stateRows) {
        int unit = CudaTensor.vector(cols);
        int most = Math.min(ELEMENTS / stateRows, THREADS);
        int splits = Kernel.Grid.blocks(cols, Math.max(unit, most / unit * unit));
        return Kernel.Grid.blocks(Kernel.Grid.blocks(cols, splits), unit) * unit;
    }
}
