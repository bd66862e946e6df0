package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What all ranks share: the bound libraries, and compiled kernels. */
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
