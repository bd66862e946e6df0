package nighttrain.executor.device.cuda.kernel;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** Loads kernels onto one GPU, each on its first use. */
public final class KernelModules implements AutoCloseable {
    private final KernelCompiler compiler;
    private final Kernel.Driver driver = Kernel.Driver.load();
    private final Map<KernelSource, CUmodule> modules = new HashMap<>();
    private final Map<Key, Kernel> kernels = new HashMap<>();
    private boolean rehearsal;

    private record Key(String name, KernelSource source) {}

    public KernelModules(KernelCompiler compiler) {
        this.compiler = compiler;
    }

    /** Starts to compile all kernels that {@code work} launches, many files at a time. No kernel runs. */
    public void rehearse(Runnable work) {
        rehearsal = true;
        try {
            work.run();
        } finally {
            rehearsal = false;
        }
    }

    /** Returns whether a rehearsal is under way: launches do nothing, so that no time can be measured. */
    public boolean isRehearsal() {
        return rehearsal;
    }

    /** Returns the function {@code name} of a kernel file. */
    public Kernel get(String name, KernelSource source) {
        if (rehearsal) {
            compiler.start(source);
            return Kernel.notYet(name);
        }
        return kernels.computeIfAbsent(new Key(name, source), this::find);
    }

    private Kernel find(Key key) {
        CUmodule module = modules.computeIfAbsent(key.source, source -> {
            CUmodule loaded = new CUmodule();
            JCudaDriver.cuModuleLoadData(loaded, compiler.cubin(source));
            return loaded;
        });
        Kernel.Function function = new Kernel.Function();
        JCudaDriver.cuModuleGetFunction(function, module, key.name);
        return new Kernel(key.name, function, driver, compiler.letsKernelsWait() && key.source.waits());
    }

    @Override
    public void close() {
        modules.values().forEach(JCudaDriver::cuModuleUnload);
        modules.clear();
        kernels.clear();
    }
}
