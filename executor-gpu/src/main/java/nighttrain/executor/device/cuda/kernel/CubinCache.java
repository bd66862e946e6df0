package nighttrain.executor.device.cuda.kernel;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Compiled kernels on disk, by the hash of everything that went into them. A folder that cannot be written costs a compilation,
 * nothing else.
 */
public record CubinCache(Path folder) {
    /** {@code $XDG_CACHE_HOME} or {@code ~/.cache}, {@code /nighttrain/kernels}. */
    public static CubinCache ofUser() {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path root =
                cache == null || cache.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
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
            // Compiled again next time.
        }
    }

    private Path file(String key) {
        return folder.resolve(key + ".cubin");
    }
}
