package nighttrain.executor.device.cuda.recurrent;

import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Launches the kernels of recurrent mixers, and writes their common arguments as the structs of recurrent.cuh. */
final class RecurrentKernels {
    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final Fp8Operands fp8;

    RecurrentKernels(KernelModules modules, Streams streams, StepInputs inputs, Fp8Operands fp8) {
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.fp8 = fp8;
    }

    /** Enqueues a kernel, and forgets rows in 8 bits, since the kernel may write to their tensor. */
    void launch(KernelSource source, String name, Kernel.Grid grid, Object... arguments) {
        fp8.forget();
        modules.get(name, source).withSharedBytes(grid.sharedBytes()).launch(streams.main(), grid, arguments);
    }

    /** Writes every tensor's address and the distance between its tracks. */
    static Struct tensors(CudaTensor... all) {
        Struct arguments = new Struct();
        for (CudaTensor one : all) {
            arguments.pointer(one.address()).longs(one.trackStride());
        }
        return arguments;
    }

    /** Appends {@code States}. */
    Struct put(Struct arguments, CudaStates states) {
        return arguments
                .pointer(states.address())
                .longs(states.trackStride())
                .pointer(inputs.states())
                .longs(states.elements()); // an int, and the end of a struct of pointers
    }

    /** Appends {@code Decay}. */
    static Struct put(Struct arguments, Decay decay) {
        return arguments.pointer(address(decay.rate())).pointer(address(decay.bias()));
    }

    static long address(Tensor tensor) {
        return ((CudaTensor) tensor).address();
    }
}
