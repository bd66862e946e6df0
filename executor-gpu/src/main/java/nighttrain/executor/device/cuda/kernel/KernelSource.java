package nighttrain.executor.device.cuda.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A kernel file and the constants that it is compiled for.
 *
 * @param file name under {@code /kernels}
 * @param defines compile-time constants
 */
public record KernelSource(String file, Map<String, Integer> defines) {
    /** The headers. They are small, so every program gets all of them. */
    static final List<String> HEADERS = List.of(
            "launch.cuh",
            "bf16.cuh",
            "fp8.cuh",
            "kv_codes.cuh",
            "rows.cuh",
            "quantize.cuh",
            "norm.cuh",
            "sums.cuh",
            "clock.cuh",
            "peers.cuh",
            "shared.cuh",
            "mma.cuh",
            "activations.cuh",
            "routing.cuh",
            "attention.cuh",
            "attention_mma.cuh",
            "hopper.cuh",
            "recurrent.cuh",
            "selective_scan.cuh",
            "heads.cuh",
            "gated_delta.cuh",
            "chunks.cuh",
            "gated_delta_chunks.cuh",
            "gated_linear.cuh");

    public KernelSource {
        defines = Map.copyOf(defines);
    }

    String text() {
        return text(file);
    }

    /** Returns whether its kernels wait for earlier kernels themselves (launch.cuh). */
    boolean waits() {
        return text().contains("wait_for_kernels_before();");
    }

    static String text(String name) {
        try (InputStream in = KernelSource.class.getResourceAsStream("/kernels/" + name)) {
            if (in == null) {
                throw new IllegalStateException("kernel not in the jar: " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read kernel: " + name, e);
        }
    }

    /** The compiler's options, in a fixed order. */
    public List<String> options(String architecture) {
        List<String> options = new ArrayList<>(List.of("--gpu-architecture=" + architecture, "--std=c++17"));
        new TreeMap<>(defines).forEach((name, value) -> options.add("-D" + name + "=" + value));
        return options;
    }
}
