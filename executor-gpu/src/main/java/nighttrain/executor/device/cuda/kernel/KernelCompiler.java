package nighttrain.executor.device.cuda.kernel;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Compiles kernels for one GPU architecture, each once for all ranks and on a thread of its own, and caches them on disk. */
public final class KernelCompiler {
    /** First architecture whose kernels can wait for earlier ones: Hopper. */
    private static final int FIRST_WAITING = 90;

    private final Nvrtc nvrtc;
    private final String architecture;
    private final CubinCache cache;
    private final Map<KernelSource, CompletableFuture<byte[]>> compiled = new ConcurrentHashMap<>();
    private final Executor threads;

    public KernelCompiler(Nvrtc nvrtc, String architecture, CubinCache cache) {
        this.nvrtc = nvrtc;
        this.architecture = architecture;
        this.cache = cache;
        this.threads = threads();
    }

    /** Makes one compiler thread per processor, since compilers share nothing. Idle threads end. */
    private static Executor threads() {
        int processors = Runtime.getRuntime().availableProcessors();
        ThreadPoolExecutor threads = new ThreadPoolExecutor(
                processors, processors, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "nighttrain-compiler");
                    thread.setDaemon(true);
                    return thread;
                });
        threads.allowCoreThreadTimeOut(true);
        return threads;
    }

    /** Returns whether kernels for this architecture can wait for earlier kernels (launch.cuh). */
    boolean letsKernelsWait() {
        return Integer.parseInt(architecture.replaceAll("\\D", "")) >= FIRST_WAITING;
    }

    /** Returns the machine code of a kernel file, from the cache or compiled. */
    byte[] cubin(KernelSource source) {
        try {
            return started(source).join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException failure ? failure : e;
        }
    }

    /** Starts the compilation that {@link #cubin} waits for. A failure is thrown there. */
    void start(KernelSource source) {
        CompletableFuture<byte[]> unused = started(source);
    }

    private CompletableFuture<byte[]> started(KernelSource source) {
        return compiled.computeIfAbsent(
                source, it -> CompletableFuture.supplyAsync(() -> cachedOrCompiled(it), threads));
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

    /** Returns the version of the compiler: {@code 13.0}. */
    public String version() {
        IntByReference major = new IntByReference();
        IntByReference minor = new IntByReference();
        nvrtc.nvrtcVersion(major, minor);
        return major.getValue() + "." + minor.getValue();
    }

    /**
     * Compiles a kernel file without a look at the cache.
     *
     * @param log takes the compiler's output, which is empty unless its options ask for more than machine code
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

    /** NVIDIA's run-time compiler; functions as in nvrtc.h. */
    public interface Nvrtc extends Library {
        int nvrtcVersion(IntByReference major, IntByReference minor);

        int nvrtcCreateProgram(
                PointerByReference program,
                String source,
                String name,
                int headers,
                String[] sources,
                String[] includeNames);

        int nvrtcCompileProgram(Pointer program, int options, String[] option);

        int nvrtcGetProgramLogSize(Pointer program, LongByReference size);

        int nvrtcGetProgramLog(Pointer program, byte[] log);

        int nvrtcGetCUBINSize(Pointer program, LongByReference size);

        int nvrtcGetCUBIN(Pointer program, byte[] cubin);

        int nvrtcDestroyProgram(PointerByReference program);
    }

    /** Compiled kernels on disk, by the hash of everything that they depend on. If the folder cannot be written, kernels are compiled again. */
    public record CubinCache(Path folder) {
        /** {@code $XDG_CACHE_HOME} or {@code ~/.cache}, {@code /nighttrain/kernels}. */
        public static CubinCache ofUser() {
            String cache = System.getenv("XDG_CACHE_HOME");
            Path root = cache == null || cache.isBlank()
                    ? Path.of(System.getProperty("user.home"), ".cache")
                    : Path.of(cache);
            return new CubinCache(root.resolve("nighttrain").resolve("kernels"));
        }

        String key(String compilerVersion, KernelSource source, List<String> options) {
            try {
                MessageDigest hash = MessageDigest.getInstance("SHA-256");
                hash.update((compilerVersion + options + source.text()).getBytes(StandardCharsets.UTF_8));
                KernelSource.HEADERS.forEach(
                        header -> hash.update(KernelSource.text(header).getBytes(StandardCharsets.UTF_8)));
                return HexFormat.of().formatHex(hash.digest());
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        }

        Optional<byte[]> find(String key) {
            try {
                return Optional.of(Files.readAllBytes(file(key)));
            } catch (IOException e) {
                return Optional.empty();
            }
        }

        void put(String key, byte[] cubin) {
            try {
                Files.createDirectories(folder);
                Path made = Files.createTempFile(folder, "new", ".cubin");
                Files.write(made, cubin);
                Files.move(made, file(key), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } catch (IOException e) {
                // The kernel is compiled again next time.
            }
        }

        private Path file(String key) {
            return folder.resolve(key + ".cubin");
        }
    }
}
