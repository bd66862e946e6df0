package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;

/** Loads NVIDIA's libraries by name, of CUDA 13 or 12. */
public final class NativeLibraries {
    private static final List<String> VERSIONS = List.of(".so.13", ".so.12", ".so.2", ".so");

    /** {@code RTLD_LAZY | RTLD_NODELETE} of dlfcn.h. */
    private static final int STAYS_OPEN = 0x1001;

    private NativeLibraries() {}

    /**
     * Binds {@code lib<name>}.
     *
     * @throws UserError naming the library and the places that were searched
     */
    public static <T extends Library> T load(String name, Class<T> binding) {
        return load(name, binding, folders());
    }

    /** As {@link #load(String, Class)}, from these folders and the system's folders. */
    public static <T extends Library> T load(String name, Class<T> binding, List<String> folders) {
        List<String> tried = new ArrayList<>();
        for (String version : VERSIONS) {
            String file = "lib" + name + version;
            folders.forEach(folder -> NativeLibrary.addSearchPath(file, folder));
            try {
                T bound = Native.load(file, binding);
                openBuiltins(name, NativeLibrary.getInstance(file).getFile());
                return bound;
            } catch (UnsatisfiedLinkError e) {
                tried.add(file);
            }
        }
        throw UserError.of(
                "CUDA library not found",
                "lib" + name,
                "tried " + String.join(", ", tried) + " in LD_LIBRARY_PATH, " + String.join(", ", folders)
                        + " and the system's folders; install it, set CUDA_HOME, or use --backend cpu");
    }

    /** Binds a library of the driver by its file name, if there is one. */
    public static <T extends Library> Optional<T> find(String file, Class<T> binding) {
        try {
            return Optional.of(Native.load(file, binding));
        } catch (UnsatisfiedLinkError e) {
            return Optional.empty();
        }
    }

    /** NVRTC opens {@code libnvrtc-builtins} by name alone, which fails in a folder that the system does not search. */
    private static void openBuiltins(String name, File library) {
        File[] builtins = library == null || library.getParentFile() == null
                ? null
                : library.getParentFile().listFiles((folder, file) -> file.startsWith("lib" + name + "-builtins.so"));
        for (File file : builtins == null ? new File[0] : builtins) {
            NativeLibrary.getInstance(file.getPath(), Map.of(Library.OPTION_OPEN_FLAGS, STAYS_OPEN));
        }
    }

    /**
     * Looks for the driver. JCuda reports a missing driver at length and only once.
     *
     * @throws UserError where there is none
     */
    public static void requireDriver() {
        try {
            NativeLibrary.getInstance("libcuda.so.1");
        } catch (UnsatisfiedLinkError e) {
            throw UserError.of(
                    "no NVIDIA driver",
                    "libcuda.so.1",
                    "not found in LD_LIBRARY_PATH and the system's folders; install the driver, or use --backend cpu");
        }
    }

    private static List<String> folders() {
        List<String> folders = new ArrayList<>();
        String home = System.getenv("CUDA_HOME");
        for (String root : home == null ? List.of("/usr/local/cuda") : List.of(home, "/usr/local/cuda")) {
            for (String folder : List.of("lib64", "lib")) {
                if (Files.isDirectory(Path.of(root, folder))) {
                    folders.add(root + "/" + folder);
                }
            }
        }
        return folders;
    }
}
