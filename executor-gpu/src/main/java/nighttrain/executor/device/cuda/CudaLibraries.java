package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.kernel.KernelCompiler;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.CubinCache;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.Nvrtc;
import nighttrain.executor.device.cuda.matmul.CublasLt;

/** The bound libraries and the compiled kernels, which all ranks share. */
final class CudaLibraries {
    private final CublasLt cublasLt = NativeLibraries.load("cublasLt", CublasLt.class);
    private final Nvrtc nvrtc = NativeLibraries.load("nvrtc", Nvrtc.class);
    private final Map<String, KernelCompiler> compilers = new ConcurrentHashMap<>();

    CublasLt cublasLt() {
        return cublasLt;
    }

    KernelCompiler compiler(String architecture) {
        return compilers.computeIfAbsent(architecture, name -> new KernelCompiler(nvrtc, name, CubinCache.ofUser()));
    }
}
