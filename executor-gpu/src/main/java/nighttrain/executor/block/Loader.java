package nighttrain.executor.block;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntFunction;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.QueryScale;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.WeightFormat;

/**
 * Loads one rank's share of a checkpoint's parameters onto its device: defines how each kind of parameter is cut. Also allocates pages and states.
 */
public final class Loader {
    private final Device device;
    private final Checkpoint checkpoint;
    private final Placement placement;
    private final CacheLayout cache;
    private final int positions;
    private final Map<Positions, Rotation> rotations = new HashMap<>();

    /** How attention encodes positions. */
    private record Positions(Optional<Rope> rope, Optional<QueryScale> queryScale) {}

    /**
     * A projection whose outputs are cut into units. A rank has whole units; if there are fewer units than ranks, several ranks have the same one.
     *
     * @param unit outputs of one unit: a head, or a group of heads
     */
    record Projection(Linear linear, int unit) {
        static List<Projection> each(List<Linear> linears, int unit) {
            return linears.stream().map(linear -> new Projection(linear, unit)).toList();
        }
    }

    /** This rank's part of {@code whole} outputs. */
    private record Cut(int from, int count, int whole) {}

    public Loader(Device device, Checkpoint checkpoint, Placement placement, CacheLayout cache, int positions) {
        this.device = device;
        this.checkpoint = checkpoint;
        this.placement = placement;
        this.cache = cache;
        this.positions = positions;
    }

    /** Number of positions: tokens of the longest sequence. */
    int positions() {
        return positions;
    }

    Device device() {
        return device;
    }

    Ops ops() {
        return device.ops();
    }

    RecurrentOps recurrentOps() {
        return device.recurrentOps().orElseThrow();
    }

    /** Returns cosines and sines for every position. Layers that encode positions equally share them. */
    Rotation rotation(Attention attention) {
        return rotations.computeIfAbsent(
                new Positions(attention.rope(), attention.queryScale()),
                one -> RotaryFrequencies.tables(device, one.rope(), one.queryScale(), positions));
    }

    /** Returns the part of this rank's key biases that rotary embedding hardly turns, so that all positions share it: {@code [tracks, 1, kvCols]}. */
    Tensor keyOffset(String role, Attention attention) {
        Linear key = attention.projections().key();
        Cut own = cut(new Projection(key, attention.headDim()));
        int tracks = placement.localTracks();
        List<float[]> offsets = new ArrayList<>();
        for (int track = 0; track < tracks; track++) {
            float[] bias = bias(key, global(track), own.from(), own.count());
            RotaryFrequencies.keepWhatStays(bias, attention.headDim(), attention.rope(), positions);
            offsets.add(bias);
        }
        return device.constant(role, tracks, 1, own.count(), concatenated(offsets));
    }

    /** Allocates a layer's pages for this rank's keys and values. Layers of one group use the same page numbers. */
    KvPages kvPages(int layer, AttentionShape shape) {
        int number = cache.groupOf(layer);
        CacheLayout.Group group = cache.groups().get(number);
        return device.kvPages(
                "keys and values of layer " + layer,
                number,
                placement.localTracks(),
                group.pages() + 1, // one is the scratch page
                cache.pageTokens(),
                shape.kvHeads(),
                shape.headDim(),
                group.spec().format());
    }

    /** Allocates a layer's states: a slot for every sequence and snapshot, and the scratch slot. */
    States states(String role, int elements) {
        return recurrentOps()
                .states(
                        role,
                        placement.localTracks(),
                        cache.scratchSlot() + 1,
                        elements,
                        checkpoint.spec().states());
    }

    /** Loads one number for every head of this rank. */
    Tensor perHead(String role, Vector heads) {
        return perHead(role, heads, DoubleUnaryOperator.identity());
    }

    /** As {@link #perHead}, of the exponentials of the checkpoint's numbers. */
    Tensor exponentials(String role, Vector heads) {
        return perHead(role, heads, Math::exp);
    }

    private Tensor perHead(String role, Vector heads, DoubleUnaryOperator function) {
        float[] values = perOutput(heads.name(), List.of(cut(heads.size())), 1, heads.size());
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) function.applyAsDouble(values[i]);
        }
        return device.constant(role, placement.localTracks(), 1, placement.share(heads.size()), values);
    }

    /** Loads an RMSNorm whose columns ranks share. */
    Norm normByOutput(String role, nighttrain.io.spec.Parameter.Norm norm) {
        float[] weights = perOutput(norm.weight(), List.of(cut(norm.size())), 1, norm.size());
        return new Norm(
                device.constant(role, placement.localTracks(), 1, placement.share(norm.size()), weights),
                Optional.empty(),
                (float) norm.epsilon());
    }

    /**
     * Loads a convolution. Its channels are the outputs of projections, and ranks share them as they share these.
     *
     * @param of the projections, one after the other
     */
    Convolution convolution(String role, nighttrain.io.spec.Parameter.Convolution convolution, List<Projection> of) {
        int tracks = placement.localTracks();
        int channels = convolution.channels();
        int width = convolution.width();
        List<Cut> parts = of.stream().map(this::cut).toList();
        int own = parts.stream().mapToInt(Cut::count).sum();
        float[] weights = perOutput(convolution.weight(), parts, width, channels, 1, width);
        return new Convolution(
                device.constant(role, tracks, width, own, weights),
                convolution
                        .bias()
                        .map(name -> device.constant(
                                "bias of " + role, tracks, 1, own, perOutput(name, parts, 1, channels))));
    }

    /**
     * Loads convolutions of equal width, each a separate tensor of the checkpoint, as one convolution of the channels of all, one after the other.
     */
    Convolution convolutions(String role, List<nighttrain.io.spec.Parameter.Convolution> convolutions) {
        int width = convolutions.get(0).width();
        List<Cut> channels =
                convolutions.stream().map(one -> cut(one.channels())).toList();
        float[] weights = sideBySide(
                width,
                channels,
                i -> perOutput(
                        convolutions.get(i).weight(),
                        channels.subList(i, i + 1),
                        width,
                        channels.get(i).whole(),
                        1,
                        width));
        Optional<float[]> bias = convolutions.get(0).bias().isEmpty()
                ? Optional.empty()
                : Optional.of(sideBySide(
                        1,
                        channels,
                        i -> perOutput(
                                convolutions.get(i).bias().orElseThrow(),
                                channels.subList(i, i + 1),
                                1,
                                channels.get(i).whole())));
        int tracks = placement.localTracks();
        int own = channels.stream().mapToInt(Cut::count).sum();
        return new Convolution(
                device.constant(role, tracks, width, own, weights),
                bias.map(values -> device.constant("bias of " + role, tracks, 1, own, values)));
    }

    /** Concatenates {@code rows} rows of every track by columns: each part's columns follow those of the part before. */
    private float[] sideBySide(int rows, List<Cut> parts, IntFunction<float[]> part) {
        int own = parts.stream().mapToInt(Cut::count).sum();
        int all = placement.localTracks() * rows;
        float[] values = new float[all * own];
        int column = 0;
        for (int i = 0; i < parts.size(); i++) {
            int cols = parts.get(i).count();
            float[] of = part.apply(i);
            for (int row = 0; row < all; row++) {
                System.arraycopy(of, row * cols, values, row * own + column, cols);
            }
            column += cols;
        }
        return values;
    }

    /**
     * Returns this rank's numbers of the outputs of some projections, one after the other: {@code [tracks, perOutput, outputs]}.
     *
     * @param parts the outputs of each projection
     * @param perOutput numbers of an output, which are adjacent in the tensor
     * @param shape shape of the tensor
     */
    private float[] perOutput(String name, List<Cut> parts, int perOutput, long... shape) {
        int own = parts.stream().mapToInt(Cut::count).sum();
        float[] values = new float[placement.localTracks() * perOutput * own];
        for (int track = 0; track < placement.localTracks(); track++) {
            CheckpointTensor tensor = checkpoint.tensor(TensorSpec.ofTrack(name, global(track)), shape);
            int column = track * perOutput * own;
            int first = 0;
            for (Cut part : parts) {
                float[] stored = new float[part.count() * perOutput];
                tensor.copyTo((long) (first + part.from()) * perOutput, stored, 0, stored.length);
                for (int i = 0; i < stored.length; i++) {
                    values[column + i % perOutput * own + i / perOutput] = stored[i];
                }
                column += part.count();
                first += part.whole();
            }
        }
        return values;
    }

    /** Loads the first {@code rows} rows of a table times {@code scale}. Every rank has them whole. */
    Tensor table(String role, Table table, int rows, double scale) {
        CheckpointTensor tensor = checkpoint.tensor(table.name(), table.rows(), table.cols());
        Slices stored = new Slices(List.of(new Slices.Slice(tensor, 0, rows, 0, table.cols(), table.cols())));
        return device.table(
                role, rows, table.cols(), scale == 1 ? stored : scaled(stored, table.cols(), (float) scale));
    }

    /** Scales rows. In bf16 the scale is rounded, too, as in frameworks whose models compute in bf16: there sqrt(1152) is 34. */
    private static Matrix.Rows scaled(Slices stored, int cols, float scale) {
        float rounded = Bfloat16.toFloat(Bfloat16.of(scale));
        return new Matrix.Rows() {
            @Override
            public void read(int track, int output, float[] target) {
                stored.read(track, output, target);
                for (int i = 0; i < cols; i++) {
                    target[i] *= scale;
                }
            }

            @Override
            public void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
                float[] row = new float[cols];
                stored.read(track, output, row);
                for (float value : row) {
                    target.put(Bfloat16.of(rounded * value));
                }
            }
        };
    }

    /** Loads projections as one matrix, each cut by output: a rank computes columns of its own. */
    Matrix byOutput(String role, WeightFormat format, List<Linear> parts) {
        return byUnit(role, format, Projection.each(parts, 1));
    }

    /** As {@link #byOutput}, cut in whole units. */
    Matrix byUnit(String role, WeightFormat format, List<Projection> parts) {
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            for (Projection part : parts) {
                Linear linear = part.linear();
                Cut own = cut(part);
                slices.add(rows(linear, track, own.from(), own.count()));
                if (linear.bias().isPresent()) {
                    biases.add(bias(linear, global(track), own.from(), own.count()));
                }
            }
        }
        return matrix(role, format, new Slices(slices), biases);
    }

    /** Loads a projection cut by input: every rank computes a part of the sum, and only the first rank adds the bias. */
    Matrix byInput(String role, WeightFormat format, Linear linear) {
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            slices.add(new Slices.Slice(
                    checkpoint.weight(linear, global(track)),
                    0,
                    linear.outputs(),
                    placement.from(linear.inputs()),
                    placement.share(linear.inputs()),
                    linear.inputs()));
            if (linear.bias().isPresent()) {
                biases.add(
                        placement.shard() == 0
                                ? bias(linear, global(track), 0, linear.outputs())
                                : new float[linear.outputs()]);
            }
        }
        return matrix(role, format, new Slices(slices), biases);
    }

    /** Loads a layer of a router or a gate, which every rank has whole. */
    Matrix whole(String role, Linear linear) {
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            slices.add(rows(linear, track, 0, linear.outputs()));
            if (linear.bias().isPresent()) {
                biases.add(bias(linear, global(track), 0, linear.outputs()));
            }
        }
        return matrix(role, WeightFormat.PLAIN, new Slices(slices), biases);
    }

    /**
     * Loads the layers of this rank's experts, {@code [tracks * experts, outputs, inputs]}.
     *
     * @param experts the experts of one track and of all ranks; each is a list of projections, one after the other
     */
    Matrix experts(String role, WeightFormat format, List<List<Linear>> experts) {
        List<Slices> slabs = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        int from = placement.from(experts.size());
        for (int track = 0; track < placement.localTracks(); track++) {
            for (List<Linear> parts : experts.subList(from, from + placement.share(experts.size()))) {
                int of = track;
                slabs.add(new Slices(parts.stream()
                        .map(part -> rows(part, of, 0, part.outputs()))
                        .toList()));
                parts.stream()
                        .filter(part -> part.bias().isPresent())
                        .forEach(part -> biases.add(bias(part, global(of), 0, part.outputs())));
            }
        }
        Optional<float[]> bias = biases.isEmpty() ? Optional.empty() : Optional.of(concatenated(biases));
        Slices first = slabs.get(0);
        return device.experts(role, slabs.size(), first.outputs(), first.inputs(), new Slabs(slabs), bias, format);
    }

    /** Loads a vector of every local track, which every rank has whole. */
    Tensor vector(String role, Vector vector) {
        List<float[]> values = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            values.add(values(vector.name(), global(track), vector.size()));
        }
        return device.constant(role, placement.localTracks(), 1, vector.size(), concatenated(values));
    }

    /** Loads a layer over the concatenated streams of all tracks: every track has its columns, and the first adds the bias. */
    Matrix byTrack(String role, Linear linear) {
        int hidden = linear.outputs();
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            slices.add(new Slices.Slice(
                    checkpoint.weight(linear, 0), 0, hidden, global(track) * hidden, hidden, linear.inputs()));
            if (linear.bias().isPresent()) {
                biases.add(global(track) == 0 ? bias(linear, 0, 0, hidden) : new float[hidden]);
            }
        }
        return matrix(role, WeightFormat.PLAIN, new Slices(slices), biases);
    }

    /** Loads outputs {@code from .. from + outputs - 1} of a layer that exists once for all tracks. */
    Matrix outputs(String role, Linear linear, int from, int outputs) {
        Slices rows = new Slices(List.of(
                new Slices.Slice(checkpoint.weight(linear, 0), from, outputs, 0, linear.inputs(), linear.inputs())));
        return linear.bias().isPresent()
                ? device.matrix(role, 1, outputs, linear.inputs(), rows, bias(linear, 0, from, outputs))
                : device.matrix(role, 1, outputs, linear.inputs(), rows);
    }

    /** Loads a norm for every local track. */
    Norm normPerTrack(String role, nighttrain.io.spec.Parameter.Norm norm) {
        return normPerTrack(role, norm, 1);
    }

    /** As {@link #normPerTrack(String, nighttrain.io.spec.Parameter.Norm)}, times {@code factor}. */
    Norm normPerTrack(String role, nighttrain.io.spec.Parameter.Norm norm, double factor) {
        return norm(role, norm, placement.localTracks(), factor);
    }

    /** Loads a norm that exists once for all tracks, times {@code factor}. */
    Norm norm(String role, nighttrain.io.spec.Parameter.Norm norm, double factor) {
        return norm(role, norm, 1, factor);
    }

    private Norm norm(String role, nighttrain.io.spec.Parameter.Norm norm, int tracks, double factor) {
        List<float[]> weights = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < tracks; track++) {
            float[] weight = values(norm.weight(), global(track), norm.size());
            int of = track;
            float[] bias = norm.bias()
                    .map(name -> values(name, global(of), norm.size()))
                    .orElseGet(() -> new float[norm.size()]);
            for (int i = 0; i < weight.length; i++) {
                weight[i] = (float) ((norm.onePlusWeight() ? 1 + weight[i] : weight[i]) * factor);
                bias[i] = (float) (bias[i] * factor);
            }
            weights.add(weight);
            biases.add(bias);
        }
        boolean isLayerNorm = norm.kind() == nighttrain.io.spec.Parameter.Norm.Kind.LAYER;
        return new Norm(
                device.constant(role, tracks, 1, norm.size(), concatenated(weights)),
                isLayerNorm
                        ? Optional.of(device.constant("bias of " + role, tracks, 1, norm.size(), concatenated(biases)))
                        : Optional.empty(),
                (float) norm.epsilon());
    }

    private Matrix matrix(String role, WeightFormat format, Slices slices, List<float[]> biases) {
        int tracks = placement.localTracks();
        int outputs = slices.outputs() / tracks;
        Matrix.Rows rows = slices.perTrack(outputs);
        Optional<float[]> bias = biases.isEmpty() ? Optional.empty() : Optional.of(concatenated(biases));
        return device.matrix(role, tracks, outputs, slices.inputs(), rows, bias, format);
    }

    private Cut cut(int whole) {
        return new Cut(placement.from(whole), placement.share(whole), whole);
    }

    private Cut cut(Projection projection) {
        int unit = projection.unit();
        int whole = projection.linear().outputs();
        Cut units = cut(whole / unit);
        return new Cut(units.from() * unit, units.count() * unit, whole);
    }

    private Slices.Slice rows(Linear linear, int track, int from, int count) {
        return new Slices.Slice(
                checkpoint.weight(linear, global(track)), from, count, 0, linear.inputs(), linear.inputs());
    }

    private float[] bias(Linear linear, int globalTrack, int from, int count) {
        float[] values = new float[count];
        checkpoint.bias(linear, globalTrack).copyTo(from, values, 0, count);
        return values;
    }

    private float[] values(String name, int globalTrack, int size) {
        float[] values = new float[size];
        checkpoint.tensor(TensorSpec.ofTrack(name, globalTrack), size).copyTo(0, values, 0, size);
        return values;
    }

    private int global(int localTrack) {
        return placement.firstTrack() + localTrack;
    }

    private static float[] concatenated(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    /** Matrices of one size, as the slabs of one tensor. */
    private record Slabs(List<Slices> slabs) implements Matrix.Rows {
        @Override
        public void read(int slab, int output, float[] target) {
            slabs.get(slab).read(0, output, target);
        }

        @Override
        public void readBfloat16(int slab, int output, int inputs, ShortBuffer target) {
            slabs.get(slab).readBfloat16(0, output, inputs, target);
        }

        @Override
        public float readE4m3(int slab, int output, int inputs, ByteBuffer target) {
            return slabs.get(slab).readE4m3(0, output, inputs, target);
        }
    }

    /** Rectangles cut from a checkpoint's tensors, one below the other. They are the rows of one matrix, read directly from the file. */
    record Slices(List<Slice> slices) implements Matrix.Rows {
        /** {@code rows} rows from {@code firstRow} on, {@code cols} columns from {@code firstCol} on, of a tensor of {@code stride} columns. */
        record Slice(CheckpointTensor tensor, int firstRow, int rows, int firstCol, int cols, int stride) {
            private long start(int row) {
                return (long) (firstRow + row) * stride + firstCol;
            }

            void read(int row, float[] target) {
                tensor.copyTo(start(row), target, 0, cols);
            }

            void readBfloat16(int row, ShortBuffer target) {
                tensor.copyAsBfloat16(start(row), target, cols);
            }

            float readE4m3(int row, ByteBuffer target) {
                return tensor.copyAsE4m3(start(row), target, cols);
            }
        }

        int outputs() {
            return slices.stream().mapToInt(Slice::rows).sum();
        }

        int inputs() {
            return slices.get(0).cols();
        }

        /** Returns the same rows as the rows of several tracks, {@code outputs} each. */
        Matrix.Rows perTrack(int outputs) {
            return new Matrix.Rows() {
                @Override
                public void read(int track, int output, float[] target) {
                    Slices.this.read(0, track * outputs + output, target);
                }

                @Override
                public void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
                    Slices.this.readBfloat16(0, track * outputs + output, inputs, target);
                }

                @Override
                public float readE4m3(int track, int output, int inputs, ByteBuffer target) {
                    return Slices.this.readE4m3(0, track * outputs + output, inputs, target);
                }
            };
        }

        @Override
        public void read(int track, int output, float[] target) {
            int row = output;
            for (Slice slice : slices) {
                if (row < slice.rows()) {
                    slice.read(row, target);
                    return;
                }
                row -= slice.rows();
            }
            throw noRow(output);
        }

        @Override
        public void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
            int row = output;
            for (Slice slice : slices) {
                if (row < slice.rows()) {
                    slice.readBfloat16(row, target);
                    return;
                }
                row -= slice.rows();
            }
            throw noRow(output);
        }

        @Override
        public float readE4m3(int track, int output, int inputs, ByteBuffer target) {
            int row = output;
            for (Slice slice : slices) {
                if (row < slice.rows()) {
                    return slice.readE4m3(row, target);
                }
                row -= slice.rows();
            }
            throw noRow(output);
        }

        private IndexOutOfBoundsException noRow(int output) {
            return new IndexOutOfBoundsException("row of a matrix: " + output + " (it has " + outputs() + ")");
        }
    }
}
