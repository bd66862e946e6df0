package nighttrain.executor.device.cuda.kernel;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** Compiles kernels for one GPU architecture, each once for all ranks, and remembers them on disk. */
public final class KernelCompiler {
    private final Nvrtc nvrtc;
    private final String architecture;
    private final CubinCache cache;
    private final Map<KernelSource, byte[]> compiled = new ConcurrentHashMap<>();

    public KernelCompiler(Nvrtc nvrtc, String architecture, CubinCache cache) {
        this.nvrtc = nvrtc;
        this.architecture = architecture;
        this.cache = cache;
    }

    /** Machine code of a kernel file. */
    byte[] cubin(KernelSource source) {
        return compiled.computeIfAbsent(source, this::cachedOrCompiled);
    }

    private byte[] cachedOrCompiled(KernelSource source) {
        List<String> options = source.options(architecture);
        String key = cache.key(version(), source, options);
        return cache.find(key).orElseGet(() -> {
            byte[] cubin = compile(source, options, log -> {});
            cache.put(key, cubin);
            return cubin;
        });
    }

    /** The compiler's, as {@code 13.0}. */
    public String version() {
        IntByReference major = new IntByReference();
        IntByReference minor = new IntByReference();
        nvrtc.nvrtcVersion(major, minor);
        return major.getValue() + "." + minor.getValue();
    }

    /**
     * Compiles, whatever was compiled before.
     *
     * @param log takes what the compiler says, nothing unless its options ask for more than machine code
     */
    public byte[] compile(KernelSource source, List<String> compilerOptions, Consumer<String> log) {
        List<String> headers =
                KernelSource.HEADERS.stream().map(KernelSource::text).toList();
        PointerByReference program = new PointerByReference();
        check(
                nvrtc.nvrtcCreateProgram(
                        program,
                        source.text(),
                        source.file(),
                        headers.size(),
                        headers.toArray(String[]::new),
                        KernelSource.HEADERS.toArray(String[]::new)),
                "nvrtcCreateProgram");
        try {
            String[] options = compilerOptions.toArray(String[]::new);
            if (nvrtc.nvrtcCompileProgram(program.getValue(), options.length, options) != 0) {
                throw new IllegalStateException("cannot compile kernel: " + source.file() + " (" + architecture + ", "
                        + source.defines() + "): " + log(program.getValue()));
            }
            LongByReference size = new LongByReference();
            check(nvrtc.nvrtcGetCUBINSize(program.getValue(), size), "nvrtcGetCUBINSize");
            byte[] cubin = new byte[Math.toIntExact(size.getValue())];
            check(nvrtc.nvrtcGetCUBIN(program.getValue(), cubin), "nvrtcGetCUBIN");
            log.accept(log(program.getValue()));
            return cubin;
        } finally {
            nvrtc.nvrtcDestroyProgram(program);
        }
    }

    private String log(Pointer program) {
        LongByReference size = new LongByReference();
        nvrtc.nvrtcGetProgramLogSize(program, size);
        byte[] log = new byte[Math.toIntExact(size.getValue())];
        nvrtc.nvrtcGetProgramLog(program, log);
        return new String(log, StandardCharsets.UTF_8).trim();
    }

    private static void check(int result, String what) {
        if (result != 0) {
            throw new IllegalStateException(what + " failed: NVRTC error " + result);
        }
    }
}
