package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import nighttrain.executor.device.Communicator.PeerFailedException;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares all-reduces over ranks and tracks with float64; all ranks get the same bits. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class AbstractCommunicatorTest {
    private final TestBackend backend;
    private final Noise noise = new Noise();
    private final Closeness closeness;
    private final Map<Integer, List<Device>> opened = new HashMap<>();

    protected AbstractCommunicatorTest(TestBackend backend) {
        this.backend = backend;
        this.closeness = new Closeness(backend.tolerance(), noise.seed);
    }

    @AfterAll
    void close() {
        opened.values().forEach(devices -> devices.forEach(Device::close));
    }

    /** Runs {@code work} on devices that tests share; after a failure they are closed and opened anew. */
    private <T> List<T> onAll(int ranks, Function<Device, T> work) {
        assumeThat(backend.maxRanks()).isGreaterThanOrEqualTo(ranks);
        try {
            return Ranks.onAll(opened.computeIfAbsent(ranks, backend::open), work);
        } catch (RuntimeException | Error e) {
            opened.remove(ranks).forEach(Device::close);
            throw e;
        }
    }

    /** The size of an all-reduce: its ranks, and each rank's tensor {@code [tracks, rows, cols]}. */
    private record Size(int ranks, int tracks, int rows, int cols) {
        int perTrack() {
            return rows * cols;
        }

        int perRank() {
            return tracks * perTrack();
        }
    }

    /** Returns every rank's input, {@code [ranks][tracks, rows, cols]}. */
    private float[][] inputs(Size size) {
        return IntStream.range(0, size.ranks)
                .mapToObj(rank -> noise.normal(size.perRank()))
                .toArray(float[][]::new);
    }

    /** As {@link #inputs}, but squared, so that no terms of a sum cancel. */
    private float[][] squares(Size size) {
        float[][] squares = inputs(size);
        for (float[] ofRank : squares) {
            for (int i = 0; i < ofRank.length; i++) {
                ofRank[i] *= ofRank[i];
            }
        }
        return squares;
    }

    /** Returns {@code scale} times the sum over ranks and tracks, repeated for every track. */
    private static double[] sum(float[][] inputs, Size size, double scale) {
        double[] sum = new double[size.perRank()];
        for (float[] input : inputs) {
            for (int i = 0; i < input.length; i++) {
                sum[i % size.perTrack()] += scale * input[i];
            }
        }
        for (int i = size.perTrack(); i < sum.length; i++) {
            sum[i] = sum[i % size.perTrack()];
        }
        return sum;
    }

    private void check(String what, double[] expected, List<float[]> actual, Size size) {
        check(closeness, what, expected, actual, size);
    }

    private void check(Closeness close, String what, double[] expected, List<float[]> actual, Size size) {
        close.check(what, expected, actual.get(0), size.cols);
        for (int rank = 0; rank < actual.size(); rank++) {
            for (int track = 0; track < size.tracks; track++) {
                int from = track * size.perTrack();
                assertThat(Arrays.equals(
                                Arrays.copyOfRange(actual.get(rank), from, from + size.perTrack()),
                                Arrays.copyOf(actual.get(0), size.perTrack())))
                        .as("%s: bits of rank %d, track %d (seed %d)", what, rank, track, noise.seed)
                        .isTrue();
            }
        }
    }

    /** Sizes range from one row to 4 MiB a track in bf16: GPUs use the one-shot kernel for small sums, the two-shot for large ones. */
    @ParameterizedTest
    @CsvSource({
        "1,1,7,45",
        "1,2,1,24",
        "1,3,33,1000",
        "1,2,200,2048",
        "2,1,1,24",
        "2,1,7,45",
        "2,1,33,1000",
        "2,1,203,2048",
        "2,1,1024,2048",
        "2,2,1,24",
        "2,2,7,45",
        "2,3,400,2048",
        "4,1,1,24",
        "4,1,7,45",
        "4,1,33,1000",
        "4,1,203,2048",
        "4,1,1024,2048",
        "4,2,1,24",
        "4,2,7,45",
        "4,2,400,2048",
    })
    void sumsReachEveryRank(int ranks, int tracks, int rows, int cols) {
        Size size = new Size(ranks, tracks, rows, cols);
        float[][] inputs = inputs(size);
        for (float scale : new float[] {1, 0.25f}) {
            check(
                    "out of place",
                    sum(inputs, size, scale),
                    onAll(ranks, device -> {
                        Tensor in = input(device, inputs, size);
                        Tensor out = poisoned(device, size);
                        Tensor where =
                                device.communicator().allReduce(out, in, scale).await();
                        assertThat(device.read(where)).isEqualTo(device.read(out));
                        return device.read(out);
                    }),
                    size);
        }
        check(
                "where await says",
                sum(inputs, size, 1),
                onAll(ranks, device -> {
                    Tensor in = input(device, inputs, size);
                    return device.read(device.communicator().allReduce(in).await());
                }),
                size);
    }

    /** Tensors that are fp32 on every device keep fp32 precision, for example sums of squares with one number per token. */
    @ParameterizedTest
    @CsvSource({
        "1,2,7,5",
        "2,1,1,1",
        "2,1,7,5",
        "2,1,1000,1",
        "2,1,1024,1024",
        "2,2,33,3",
        "4,1,1,1",
        "4,1,257,3",
        "4,1,1024,1024",
        "4,2,33,3"
    })
    void sumsOfFp32KeepTheirDigits(int ranks, int tracks, int rows, int cols) {
        Size size = new Size(ranks, tracks, rows, cols);
        float[][] inputs = squares(size);
        List<List<float[]>> sums = onAll(ranks, device -> {
            Communicator communicator = device.communicator();
            Tensor in = device.logits("in", tracks, rows, cols);
            Tensor out = device.logits("out", tracks, rows, cols);
            device.write(in, inputs[communicator.rank()]);
            float[] apart = device.read(communicator.allReduceNow(out, in, 0.25f));
            return List.of(apart, device.read(communicator.allReduceNow(in)));
        });
        Closeness exact = new Closeness(1e-6, noise.seed);
        check(
                exact,
                "out of place",
                sum(inputs, size, 0.25),
                sums.stream().map(both -> both.get(0)).toList(),
                size);
        check(
                exact,
                "where it says",
                sum(inputs, size, 1),
                sums.stream().map(both -> both.get(1)).toList(),
                size);
    }

    /** As in ladder residual, other operations run while one all-reduce, and then two, are in progress. */
    @ParameterizedTest
    @CsvSource({"1,2,7,48", "2,1,7,48", "2,1,1,24", "2,1,400,2048", "2,2,33,64", "4,1,7,48", "4,1,400,2048", "4,2,33,64"
    })
    void sumsTravelBesideOtherVerbs(int ranks, int tracks, int rows, int cols) {
        Size size = new Size(ranks, tracks, rows, cols);
        float[][] first = inputs(size);
        float[][] second = inputs(size);
        float[][] others = inputs(size);
        List<List<float[]>> results = onAll(ranks, device -> {
            Tensor a = input(device, first, size);
            Tensor b = input(device, second, size);
            Tensor other = input(device, others, size);
            Tensor out = poisoned(device, size);
            Pending sumOfA = device.communicator().allReduce(out, a, 0.5f);
            device.ops().gelu(other);
            Pending sumOfB = device.communicator().allReduce(b);
            device.ops().add(other, other);
            Tensor landedA = sumOfA.await();
            device.ops().gelu(other);
            Tensor landedB = sumOfB.await();
            device.ops().add(landedA, landedB);
            return List.of(device.read(landedA), device.read(landedB), device.read(other));
        });
        double[] sumOfB = sum(second, size, 1);
        double[] both = sum(first, size, 0.5);
        for (int i = 0; i < both.length; i++) {
            both[i] += sumOfB[i];
        }
        check(
                "first sum, then added to",
                both,
                results.stream().map(r -> r.get(0)).toList(),
                size);
        check("second sum", sumOfB, results.stream().map(r -> r.get(1)).toList(), size);
        for (int rank = 0; rank < ranks; rank++) {
            double[] twice = Formulas.gelu(others[rank]);
            float[] doubled = new float[twice.length];
            for (int i = 0; i < doubled.length; i++) {
                doubled[i] = (float) (2 * twice[i]);
            }
            closeness.check(
                    "beside the sums", Formulas.gelu(doubled), results.get(rank).get(2), cols);
        }
    }

    /** Many all-reduces follow one another, on the same buffers and with changing sizes, as in a step. */
    @ParameterizedTest
    @CsvSource({"2,1", "2,2", "4,1", "4,2"})
    void manySumsInARow(int ranks, int tracks) {
        Size largest = new Size(ranks, tracks, 300, 2048);
        List<Size> sizes = IntStream.range(0, 24)
                .mapToObj(i -> new Size(ranks, tracks, i % 3 == 0 ? 300 : 1 + noise.below(60), 2048))
                .toList();
        float[][] inputs = inputs(largest);
        List<List<float[]>> results = onAll(ranks, device -> {
            Tensor[] in = {poisoned(device, largest), poisoned(device, largest), poisoned(device, largest)};
            Tensor[] out = {poisoned(device, largest), poisoned(device, largest)};
            List<float[]> sums = new ArrayList<>();
            for (int i = 0; i < sizes.size(); i++) {
                Tensor from = in[i % 3].firstRows(sizes.get(i).rows);
                Tensor to = out[i % 2].firstRows(sizes.get(i).rows);
                device.write(from, part(inputs, device, sizes.get(i)));
                sums.add(device.read(
                        device.communicator().allReduce(to, from, 1f).await()));
            }
            return sums;
        });
        for (int i = 0; i < sizes.size(); i++) {
            Size size = sizes.get(i);
            float[][] parts = Arrays.stream(inputs)
                    .map(input -> Arrays.copyOf(input, size.perRank()))
                    .toArray(float[][]::new);
            int number = i;
            check(
                    "sum " + i,
                    sum(parts, size, 1),
                    results.stream().map(r -> r.get(number)).toList(),
                    size);
        }
    }

    /** The fused operation leaves the bits of an all-reduce followed by a norm, several times and among other all-reduces, and writes no extra row. */
    @ParameterizedTest
    @CsvSource({
        "1,1,7,48,false",
        "2,1,1,24,false",
        "2,1,7,45,true",
        "2,1,33,1000,true",
        "2,1,63,4096,false",
        "2,1,203,2048,true",
        "2,1,1000,2048,false",
        "2,2,7,48,false",
        "4,1,1,24,true",
        "4,1,33,1000,false",
        "4,1,203,4096,false",
        "4,1,257,8192,true",
        "4,2,7,48,true"
    })
    void sumsEnterTheNormThatFollows(int ranks, int tracks, int rows, int cols, boolean layer) {
        Size size = new Size(ranks, tracks, rows, cols);
        Size longer = new Size(ranks, tracks, rows + 3, cols);
        float[][] inputs = inputs(longer);
        float[] stream = noise.normal(longer.perRank());
        float[] weight = noise.normal(tracks * cols, 1, 0.5);
        float[] bias = noise.normal(tracks * cols);
        float[] sixteen = noise.normal(tracks * 16 * cols);
        List<List<float[]>> results = onAll(ranks, device -> {
            Norm norm = new Norm(
                    device.constant("weight", tracks, 1, cols, weight),
                    layer ? Optional.of(device.constant("bias", tracks, 1, cols, bias)) : Optional.empty(),
                    1e-5f);
            Matrix.Rows source = Tensors.rows(sixteen, 16, cols);
            Optional<Matrix> eightBits = cols % 16 == 0
                    ? Optional.of(device.matrix("8 bits", tracks, 16, cols, source, Optional.empty(), WeightFormat.FP8))
                    : Optional.empty();
            List<float[]> left = new ArrayList<>();
            for (boolean fused : new boolean[] {true, false}) {
                Tensor h = Tensors.holding(device, stream, tracks, rows + 3, cols);
                Tensor normed = poisoned(device, longer);
                Tensor[] parts = {input(device, inputs, longer), input(device, inputs, longer)};
                addAndNorm(device, fused, normed, h, parts, norm, rows);
                left.addAll(List.of(device.read(h), device.read(normed)));
                Tensor multiplied = poisoned(device, new Size(ranks, tracks, rows, 16));
                eightBits.ifPresent(matrix -> device.ops().linear(multiplied, normed.firstRows(rows), matrix));
                left.add(device.read(multiplied));
            }
            return left;
        });
        for (List<float[]> left : results) {
            for (int i = 0; i < 3; i++) {
                assertThat(left.get(i)).as("stream, normed, multiplied: %d", i).isEqualTo(left.get(i + 3));
                assertThat(left.get(i))
                        .as("ranks: %d", i)
                        .isEqualTo(results.get(0).get(i));
            }
            assertThat(left.get(1)[size.perTrack() - 1]).isFinite();
            assertThat(left.get(1)[size.perTrack()]).isNaN();
        }
    }

    /** Adds all-reduces of all rows and of half of them in turn, each but one followed by a norm. */
    private static void addAndNorm(
            Device device, boolean fused, Tensor normed, Tensor h, Tensor[] parts, Norm norm, int rows) {
        Communicator ranks = device.communicator();
        for (int i = 0; i < 5; i++) {
            int some = i % 2 == 0 ? rows : (rows + 1) / 2;
            Tensor part = parts[i % 2].firstRows(some);
            if (i == 3) {
                device.ops().add(h.firstRows(some), ranks.allReduceNow(part));
            } else if (fused) {
                ranks.allReduceAddNorm(normed.firstRows(some), h.firstRows(some), part, norm, device.ops());
            } else {
                device.ops().addNorm(normed.firstRows(some), h.firstRows(some), ranks.allReduceNow(part), norm);
            }
        }
    }

    private static float[] part(float[][] inputs, Device device, Size size) {
        return Arrays.copyOf(inputs[device.communicator().rank()], size.perRank());
    }

    @ParameterizedTest
    @CsvSource({"1,7,61", "2,1,61", "2,33,61", "2,7,1000", "4,1,61", "4,33,61", "4,130,1000"})
    void columnsBecomeRows(int ranks, int rows, int whole) {
        int width = (whole + ranks - 1) / ranks;
        int[] widths = IntStream.range(0, ranks)
                .map(rank -> Math.min(width, whole - rank * width))
                .toArray();
        float[][] parts = IntStream.range(0, ranks)
                .mapToObj(rank -> noise.logits(rows * widths[rank]))
                .toArray(float[][]::new);
        List<float[]> gathered = onAll(ranks, device -> {
            int rank = device.communicator().rank();
            Tensor part = device.logits("part", rows, widths[rank]);
            Tensor out = device.logits("whole", RowShare.of(rows, rank, ranks).count(), whole);
            device.write(part, parts[rank]);
            return device.read(device.communicator().gatherRows(out, part));
        });
        for (int reader = 0; reader < ranks; reader++) {
            RowShare share = RowShare.of(rows, reader, ranks);
            assertThat(gathered.get(reader)).hasSize(share.count() * whole);
            for (int i = 0; i < share.count() * whole; i++) {
                int rank = i % whole / width;
                int row = share.from() + i / whole;
                assertThat(gathered.get(reader)[i])
                        .isEqualTo(parts[rank][row * widths[rank] + i % whole - rank * width]);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void ranksThatWaitForAFailedOneAreReleased(int ranks) throws Exception {
        assumeThat(backend.maxRanks()).isGreaterThanOrEqualTo(ranks);
        Size size = new Size(ranks, 1, 7, 48);
        float[][] inputs = inputs(size);
        List<Device> devices = backend.open(ranks);
        List<CompletableFuture<Object>> results = Ranks.start(devices, device -> {
            Tensor in = input(device, inputs, size);
            device.read(device.communicator()
                    .allReduce(poisoned(device, size), in, 1f)
                    .await());
            if (device.communicator().rank() == 1) {
                throw new IllegalStateException("planted");
            }
            device.communicator().allReduce(poisoned(device, size), in, 1f).await();
            return device.stepIo().end().await();
        });
        for (int rank = 0; rank < ranks; rank++) {
            CompletableFuture<Object> result = results.get(rank);
            assertThatThrownBy(() -> result.get(60, TimeUnit.SECONDS))
                    .as("rank %d", rank)
                    .hasCauseInstanceOf(rank == 1 ? IllegalStateException.class : PeerFailedException.class);
        }
        devices.forEach(Device::close);
        List<Device> again = backend.open(ranks);
        check(
                "after the failure",
                sum(inputs, size, 1),
                Ranks.onAll(
                        again,
                        device -> device.read(device.communicator()
                                .allReduce(poisoned(device, size), input(device, inputs, size), 1f)
                                .await())),
                size);
        again.forEach(Device::close);
    }

    private static Tensor input(Device device, float[][] inputs, Size size) {
        return Tensors.holding(device, inputs[device.communicator().rank()], size.tracks, size.rows, size.cols);
    }

    private static Tensor poisoned(Device device, Size size) {
        float[] poison = new float[size.perRank()];
        Arrays.fill(poison, Float.NaN);
        return Tensors.holding(device, poison, size.tracks, size.rows, size.cols);
    }
}
