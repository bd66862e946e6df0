package nighttrain.executor.device.cuda.matmul;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The operands of weights in 8 bits: rows in e4m3 with a scale each, in one buffer for all operands of a width. */
public final class Fp8Operands {
    private static final int THREADS = 256;

    private final KernelModules modules;
    private final Streams streams;
    private final DeviceMemory memory;
    private final Map<Width, Operand> operands = new HashMap<>();
    private final Map<Width, Operand> byExpert = new HashMap<>();
    private Optional<CudaTensor> written = Optional.empty();

    private record Width(int tracks, int cols) {}

    /**
     * Rows of e4m3 and their scales. Track t's row r begins at {@code (t * capacityRows + r) * cols} of the codes.
     *
     * @param codes address of the numbers
     * @param scales address of the scales, in fp32
     */
    public record Operand(long codes, long scales, int capacityRows, int cols) {
        long codesOf(int track, int row) {
            return codes + ((long) track * capacityRows + row) * cols;
        }

        long scalesOf(int track, int row) {
            return scales + ((long) track * capacityRows + row) * Float.BYTES;
        }
    }

    public Fp8Operands(KernelModules modules, Streams streams, DeviceMemory memory) {
        this.modules = modules;
        this.streams = streams;
        this.memory = memory;
    }

    public static KernelSource source(int cols) {
        return new KernelSource("quantize.cu", Map.of("COLS", cols, "THREADS", THREADS));
    }

    /** Allocates a buffer for {@code rows} rows of every track, which captured graphs cannot do. */
    public void reserve(int tracks, int rows, int cols) {
        operands.computeIfAbsent(new Width(tracks, cols), width -> allocated(tracks, rows, cols));
    }

    private Operand allocated(int tracks, int rows, int cols) {
        return new Operand(
                memory.allocate("operands in 8 bits", (long) tracks * rows * cols)
                        .address(),
                memory.allocate("scales of operands", (long) tracks * rows * Float.BYTES)
                        .address(),
                rows,
                cols);
    }

    /**
     * Returns the buffer to which the kernel that writes {@code out} also writes its rows in 8 bits; none unless matrices in 8 bits have as many
     * inputs. {@link #quantized} returns these rows if the next operation asks for them.
     */
    public Optional<Operand> writing(CudaTensor out) {
        Operand operand = operands.get(new Width(out.tracks(), out.cols()));
        if (operand == null || out.rows() > operand.capacityRows) {
            return Optional.empty();
        }
        written = Optional.of(out);
        return Optional.of(operand);
    }

    /** Forgets the tensor given to {@link #writing}, since another operation may write to it. */
    public void forget() {
        written = Optional.empty();
    }

    private boolean holds(CudaTensor x) {
        boolean same = written.filter(one -> one.address() == x.address()
                        && one.rows() >= x.rows()
                        && one.cols() == x.cols()
                        && one.tracks() == x.tracks()
                        && one.trackStride() == x.trackStride())
                .isPresent();
        forget();
        return same;
    }

    /** {@code out = silu(gate) * up}, in bf16 and in 8 bits. */
    public void siluMul(CudaTensor out, CudaTensor gateUp, Operand operand) {
        modules.get("silu_mul_quantize_rows", source(out.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(out.rows(), out.tracks(), THREADS),
                        operand.codes,
                        operand.scales,
                        operand.capacityRows,
                        out.address(),
                        out.trackStride(),
                        gateUp.address(),
                        gateUp.trackStride());
    }

    /** Returns the rows of {@code x} in 8 bits. They are valid until the next operand of the same width. */
    Operand quantized(CudaTensor x) {
        Operand operand = operands.get(new Width(x.tracks(), x.cols()));
        if (holds(x)) {
            return operand;
        }
        if (x.rows() > operand.capacityRows) {
            throw new IllegalArgumentException(
                    "rows in 8 bits: " + x.rows() + " (there is room for " + operand.capacityRows + ")");
        }
        return quantized(x, operand);
    }

    /**
     * As {@link #quantized(CudaTensor)}, for rows by expert, of which a token has several, in separate buffers. These are allocated when such rows
     * are first quantised, which is before any of that work is captured.
     */
    Operand quantizedByExpert(CudaTensor x) {
        forget();
        Operand operand = byExpert.compute(
                new Width(x.tracks(), x.cols()),
                (width, made) -> made != null && made.capacityRows >= x.capacityRows()
                        ? made
                        : allocated(x.tracks(), x.capacityRows(), x.cols()));
        return quantized(x, operand);
    }

    private Operand quantized(CudaTensor x, Operand operand) {
        modules.get("quantize_rows", source(x.cols()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), THREADS),
                        operand.codes,
                        operand.scales,
                        operand.capacityRows,
                        x.address(),
                        x.trackStride());
        return operand;
    }
}
