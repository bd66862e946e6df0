package nighttrain.executor.device.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.executor.Goldens;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.kernel.KernelCompiler;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.CubinCache;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.Nvrtc;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Builds every kernel for every GPU generation; no GPU is needed. Every specialisation that models use is built once: for Hopper or, where
 * Hopper has its own kernel, for the oldest GPU. The other generations build each file once. NVRTC comes from the folder in the system
 * property {@code nighttrain.nvrtc}, where it must then exist, or from the machine's CUDA.
 */
class KernelsCompileTest {
    private static final String OLDEST = "sm_80";
    private static final String HOPPER = "sm_90a";

    /**
     * The most bytes of stack (spilled registers) that a thread of a file's kernels uses when built with NVRTC 13.0; 0 for files
     * not named.
     */
    private static final Map<String, Integer> STACK_BYTES = Map.of("attention_prefill.cu", 56);

    private static final String WAIT = "wait_for_kernels_before();";
    private static final Pattern FIRST_STATEMENT = Pattern.compile("__global__[^{]*\\)\\s*\\{\\s*(\\S+)");

    /** Files whose kernels read weights, or data that earlier steps stored, before they wait. */
    private static final Set<String> READ_AHEAD = Set.of(
            "all_reduce_norm.cu",
            "attention_decode.cu",
            "norm.cu",
            "linear_few_rows.cu",
            "linear_silu_mul_sm90.cu",
            "linear_split_sm90.cu");

    /** The first kernel file of a step. No later kernel starts before it ends, so all may read data that earlier steps stored. */
    private static final String FIRST = "embed.cu";

    private static final Pattern STACK = Pattern.compile("(\\d+) bytes stack frame");

    @ParameterizedTest
    @ValueSource(strings = {OLDEST, HOPPER, "sm_100"})
    @EnabledIf(value = "hasCompiler", disabledReason = "needs NVRTC of CUDA 12.8 or newer; .ci/run fetches one")
    void everyKernelBuilds(String architecture, @TempDir Path cache) {
        KernelCompiler compiler = new KernelCompiler(nvrtc(), architecture, new CubinCache(cache));
        boolean recorded = compiler.version().equals("13.0");
        List<String> faults = toBuild(architecture).parallelStream()
                .map(source -> fault(compiler, source, architecture, recorded))
                .filter(Objects::nonNull)
                .toList();
        assertThat(faults).isEmpty();
    }

    private static String fault(KernelCompiler compiler, KernelSource source, String architecture, boolean recorded) {
        List<String> options = new ArrayList<>(source.options(architecture));
        options.add("--ptxas-options=-v");
        try {
            StringBuilder log = new StringBuilder();
            compiler.compile(source, options, log::append);
            int stack = STACK.matcher(log)
                    .results()
                    .mapToInt(found -> Integer.parseInt(found.group(1)))
                    .max()
                    .orElseThrow(() -> new IllegalStateException("no report of registers: " + log));
            return !recorded || stack <= STACK_BYTES.getOrDefault(source.file(), 0)
                    ? null
                    : source + ": " + stack + " bytes of stack";
        } catch (IllegalStateException e) {
            return e.getMessage();
        }
    }

    @Test
    void noKernelIsLeftOut() throws Exception {
        Set<String> used = Stream.of(HOPPER, OLDEST)
                .flatMap(architecture -> toBuild(architecture).stream())
                .map(KernelSource::file)
                .collect(Collectors.toSet());
        Path folder = Path.of(KernelSource.class.getResource("/kernels").toURI());
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".cu")))
                    .containsExactlyInAnyOrderElementsOf(used);
        }
    }

    /** If one kernel of a file can start early, all kernels of the file can, and each waits before anything else (launch.cuh). */
    @Test
    void kernelsThatStartEarlyWaitFirst() throws Exception {
        Path folder = Path.of(KernelSource.class.getResource("/kernels").toURI());
        List<Path> early;
        try (Stream<Path> files = Files.list(folder)) {
            early = files.filter(file -> file.toString().endsWith(".cu"))
                    .filter(file -> text(file).contains(WAIT))
                    .toList();
        }
        assertThat(early).hasSizeGreaterThan(READ_AHEAD.size());
        assertThat(text(folder.resolve(FIRST))).doesNotContain(WAIT);
        assertThat(early)
                .filteredOn(file -> !READ_AHEAD.contains(file.getFileName().toString()))
                .allSatisfy(file -> assertThat(
                                FIRST_STATEMENT.matcher(text(file)).results().map(kernel -> kernel.group(1)))
                        .as(file.toString())
                        .isNotEmpty()
                        .containsOnly(WAIT));
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Set<KernelSource> toBuild(String architecture) {
        Set<KernelSource> used = sources(architecture.equals(HOPPER));
        if (architecture.equals(HOPPER)) {
            return used;
        }
        Set<String> files = new HashSet<>();
        Set<KernelSource> hoppers = architecture.equals(OLDEST) ? sources(true) : used;
        return used.stream()
                .filter(source -> files.add(source.file()) || !hoppers.contains(source))
                .collect(Collectors.toSet());
    }

    /** Returns the specialisations that models use, a common one of each file first. */
    private static Set<KernelSource> sources(boolean hopper) {
        Stream<KernelSource> ofModels = models().flatMap(model -> KernelUses.of(model, hopper));
        return Stream.of(ofModels, KernelUses.ofEveryModel(), limits(hopper))
                .flatMap(sources -> sources)
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** Returns extremes: Phi-2's heads, the largest heads and groups, gpt-oss's sinks, and a width that is no multiple of a vector. */
    private static Stream<KernelSource> limits(boolean hopper) {
        return Stream.of(
                        KernelUses.attention(80, 1, hopper, false, KvFormat.PLAIN),
                        KernelUses.attention(256, 32, hopper, false, KvFormat.PLAIN),
                        KernelUses.attention(64, 8, hopper, true, KvFormat.PLAIN),
                        KernelUses.attention(64, 8, false, true, KvFormat.PLAIN),
                        KernelUses.attention(128, 4, hopper, false, KvFormat.FP8),
                        KernelUses.attention(64, 8, hopper, true, KvFormat.FP8),
                        KernelUses.attention(128, 4, hopper, false, KvFormat.INT8),
                        KernelUses.attention(80, 1, hopper, true, KvFormat.INT8),
                        KernelUses.attention(80, 1, hopper, false, KvFormat.FP8),
                        KernelUses.attention(256, 32, hopper, false, KvFormat.FP8),
                        Stream.of(KernelUses.norm(61, Norm.Kind.RMS)))
                .flatMap(sources -> sources);
    }

    /** Returns the fewest models that cover every kind of block and the heads of the benchmarked shapes. */
    private static Stream<ModelSpec> models() {
        Path conf = Path.of(System.getProperty("nighttrain.root"), "conf");
        return Stream.concat(
                        Stream.of(
                                        "shapes/dense-8b",
                                        "shapes/dense-30b",
                                        "shapes/bench-100m",
                                        "shapes/qwen3.5-9b",
                                        "shapes/granite-4.0-h-micro",
                                        "shapes/gla-1.3b",
                                        "demo/model")
                                .map(conf::resolve),
                        Stream.of("gpt2", "qwen3", "olmo3", "qwen3_5", "granitemoehybrid-groups", "gla")
                                .map(Goldens::checkpoint))
                .map(KernelsCompileTest::model);
    }

    private static ModelSpec model(Path folder) {
        try (Checkpoint shape = Checkpoints.dummy(folder)) {
            return shape.spec();
        }
    }

    static boolean hasCompiler() {
        if (System.getProperty("nighttrain.nvrtc") != null) {
            return true;
        }
        try {
            String[] version =
                    new KernelCompiler(nvrtc(), HOPPER, null).version().split("\\.", -1);
            return 100 * Integer.parseInt(version[0]) + Integer.parseInt(version[1]) >= 1208;
        } catch (UserError e) {
            return false;
        }
    }

    private static Nvrtc nvrtc() {
        String folder = System.getProperty("nighttrain.nvrtc");
        return folder == null
                ? NativeLibraries.load("nvrtc", Nvrtc.class)
                : NativeLibraries.load("nvrtc", Nvrtc.class, List.of(folder));
    }
}
