package nighttrain.executor.device.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cpu.CpuCommunicator.RankExchange;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;

/** The reference device, and the default without GPUs: fp32 on the heap; the ranks of a replica are threads of this process. */
public final class CpuDevice implements Device {
    /** Most elements of an array that every JVM allows. */
    private static final int MOST_NUMBERS = Integer.MAX_VALUE - 8;

    private final ThreadTeam team;
    private final CpuStep step;
    private final CpuOps ops;
    private final CpuExperts experts;
    private final CpuRecurrentOps recurrentOps;
    private final CpuCommunicator communicator;
    private final RankExchange exchange;

    private CpuDevice(int rank, RankExchange exchange, int threads, boolean skipAllReduce) {
        this.team = new ThreadTeam("nighttrain-rank-" + rank, threads);
        this.step = new CpuStep(team);
        this.ops = new CpuOps(team, step);
        this.experts = new CpuExperts(team);
        this.recurrentOps = new CpuRecurrentOps(team, step);
        this.communicator = new CpuCommunicator(rank, exchange, skipAllReduce);
        this.exchange = exchange;
    }

    /** Returns the devices of one replica, whose ranks share one exchange; {@code threads} threads work on each rank. */
    public static List<Device> ranks(int ranks, int threads) {
        return ranks(ranks, threads, false);
    }

    /** As {@link #ranks(int, int)}; {@code skipAllReduce} leaves out the all-reduces, to measure the bound without communication. */
    public static List<Device> ranks(int ranks, int threads, boolean skipAllReduce) {
        RankExchange exchange = new RankExchange(ranks);
        List<Device> devices = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            devices.add(new CpuDevice(rank, exchange, threads, skipAllReduce));
        }
        return List.copyOf(devices);
    }

    /** Measures the peak rates of a rank's {@code threads} threads. Takes some tenths of a second. */
    public static PeakRates peakRates(int threads) {
        return CpuPeakRates.measure(threads);
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public Optional<ExpertOps> expertOps() {
        return Optional.of(experts);
    }

    @Override
    public Optional<RecurrentOps> recurrentOps() {
        return Optional.of(recurrentOps);
    }

    @Override
    public Sampler sampler() {
        return step;
    }

    @Override
    public StepIo stepIo() {
        return step;
    }

    @Override
    public Communicator communicator() {
        return communicator;
    }

    @Override
    public Tensor tensor(String role, int tracks, int rows, int cols) {
        if ((long) rows * cols > MOST_NUMBERS / tracks) {
            throw UserError.of(
                    "buffer too large for CPUs",
                    role + ", " + tracks + " x " + rows + " x " + cols + " numbers",
                    "at most " + MOST_NUMBERS + " in all; lower --max-num-seqs or --max-num-batched-tokens");
        }
        return CpuTensor.zeros(tracks, rows, cols);
    }

    @Override
    public Tensor logits(String role, int tracks, int rows, int cols) {
        return tensor(role, tracks, rows, cols);
    }

    @Override
    public Tensor constant(String role, int tracks, int rows, int cols, float[] values) {
        return CpuTensor.of(values, tracks, rows, cols);
    }

    @Override
    public Tensor table(String role, int rows, int cols, Matrix.Rows values) {
        CpuTensor table = CpuTensor.zeros(1, rows, cols);
        float[] row = new float[cols];
        for (int r = 0; r < rows; r++) {
            values.read(0, r, row);
            System.arraycopy(row, 0, table.data(), table.row(0, r), cols);
        }
        return table;
    }

    @Override
    public Matrix matrix(
            String role,
            int tracks,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        return CpuMatrix.of(tracks, outputs, inputs, rows, bias, format);
    }

    @Override
    public KvPages kvPages(
            String role, int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format) {
        return new CpuKvPages(group, tracks, pages, pageTokens, kvHeads, headDim, format);
    }

    @Override
    public void write(Tensor tensor, float[] values) {
        CpuTensor t = (CpuTensor) tensor;
        int slab = t.rows() * t.cols();
        for (int track = 0; track < t.tracks(); track++) {
            System.arraycopy(values, track * slab, t.data(), t.row(track, 0), slab);
        }
    }

    @Override
    public float[] read(Tensor tensor) {
        CpuTensor t = (CpuTensor) tensor;
        float[] values = new float[t.tracks() * t.rows() * t.cols()];
        for (int track = 0; track < t.tracks(); track++) {
            System.arraycopy(t.data(), t.row(track, 0), values, track * t.rows() * t.cols(), t.rows() * t.cols());
        }
        return values;
    }

    /** Returns none: enqueuing is a method call. */
    @Override
    public Optional<GraphRecorder> recorder() {
        return Optional.empty();
    }

    /** Ends the helper threads, and releases every rank that still waits for this one. */
    @Override
    public void close() {
        exchange.abort();
        team.close();
    }
}
