package nighttrain.executor.device;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.HeadNorms;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.Copies;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.spec.KvFormat;

/** One attention step of random sequences. Their earlier tokens are already in the cache, on shuffled pages that hold NaN elsewhere. */
final class AttentionCase {
    private static final int POSITIONS = 512;

    /**
     * {@code rotated}: rotated dimensions of a head; {@code norms}: whether heads are normed; {@code scaled}: whether queries have a scale by
     * position; {@code sinks}: whether heads have sinks; {@code format}: format of keys and values.
     */
    record Heads(
            int tracks,
            int heads,
            int kvHeads,
            int dim,
            int rotated,
            boolean norms,
            int window,
            boolean scaled,
            boolean sinks,
            KvFormat format) {
        Heads(int tracks, int heads, int kvHeads, int dim, int rotated, boolean norms, int window, boolean scaled) {
            this(tracks, heads, kvHeads, dim, rotated, norms, window, scaled, false, KvFormat.PLAIN);
        }

        Heads(int tracks, int heads, int kvHeads, int dim, int rotated, boolean norms, int window) {
            this(tracks, heads, kvHeads, dim, rotated, norms, window, false);
        }

        Heads withSinks() {
            return new Heads(tracks, heads, kvHeads, dim, rotated, norms, window, scaled, true, format);
        }

        Heads on(KvFormat pages) {
            return new Heads(tracks, heads, kvHeads, dim, rotated, norms, window, scaled, sinks, pages);
        }

        AttentionShape shape() {
            return new AttentionShape(heads, kvHeads, dim, window);
        }
    }

    /**
     * The tokens of one sequence: those in the cache before the step, and those in the step.
     *
     * @param source an earlier sequence with the same cached tokens, or {@link #ALONE}: full pages are shared, and the remaining tokens are copied
     *     from that sequence's tokens in the step
     */
    record Part(int cached, int count, int source) {
        static final int ALONE = -1;

        Part(int cached, int count) {
            this(cached, count, ALONE);
        }

        /** Returns the position where copied tokens begin. */
        int shared() {
            return cached / TestBackend.PAGE_TOKENS * TestBackend.PAGE_TOKENS;
        }

        boolean copies() {
            return source != ALONE;
        }

        /** Returns whether the previous step may have sampled this sequence's token. */
        boolean continues() {
            return cached > 0 && count == 1 && !copies();
        }

        int end() {
            return cached + count;
        }
    }

    private final OneDevice on;
    private final Heads heads;
    private final AttentionShape shape;
    private final List<Part> parts;
    /** The group of layers: 0, or 1 for layers with a window. */
    private final int group;

    private final int[][] pageTables;
    /** Columns of an output gate after queries, keys and values; 0 in half the cases. */
    private final int gateCols;

    private final int pages;
    /** [sequence][track]. */
    private final AttentionReference[][] references;

    private final KvPages kv;
    private final Rotation rotation;
    private final Optional<HeadNorms> norms;
    private final Optional<Tensor> sinks;
    /** An offset of stored keys; present only where it does not change the attention output. */
    private final Optional<Tensor> keyOffset;

    AttentionCase(OneDevice on, Heads heads, List<Part> parts) {
        this.on = on;
        this.heads = heads;
        this.shape = heads.shape();
        this.parts = parts;
        this.group = heads.window() > 0 ? 1 : 0;
        this.gateCols = on.noise.below(2) * shape.queryCols();
        this.pages = 3 + parts.stream().mapToInt(part -> pagesOf(part.end())).sum();
        this.pageTables = pageTables();
        this.references = new AttentionReference[parts.size()][heads.tracks()];
        int half = heads.rotated() / 2;
        float[] cos = angles(half, true);
        float[] sin = angles(half, false);
        float[] queryNorm = on.noise.normal(heads.tracks() * heads.dim(), 1, 0.3);
        float[] keyNorm = on.noise.normal(heads.tracks() * heads.dim(), 1, 0.3);
        float[] scales = on.noise.normal(POSITIONS, 1.5, 0.2);
        Optional<float[]> queryScale = heads.scaled() ? Optional.of(scales) : Optional.empty();
        Optional<float[]> sinksOf =
                heads.sinks() ? Optional.of(on.noise.normal(heads.tracks() * heads.heads(), 0, 3)) : Optional.empty();
        sinks = sinksOf.map(values -> on.device.constant("sinks", heads.tracks(), 1, heads.heads(), values));
        boolean offset = heads.format().isBytes() && !heads.norms() && !heads.sinks();
        float[] offsets = on.noise.normal(heads.tracks() * shape.kvCols(), 0, offset ? 2 : 0);
        keyOffset = offset
                ? Optional.of(on.device.constant("key offset", heads.tracks(), 1, shape.kvCols(), offsets))
                : Optional.empty();
        for (int s = 0; s < parts.size(); s++) {
            for (int t = 0; t < heads.tracks(); t++) {
                int from = t * heads.heads();
                Part part = parts.get(s);
                float[][] inputs = new float[part.end()][];
                float[][] same = part.copies() ? references[part.source][t].inputs() : new float[0][];
                Arrays.setAll(
                        inputs, position -> part.copies() && position < part.cached ? same[position] : input(position));
                references[s][t] = new AttentionReference(
                        inputs,
                        shape,
                        cos,
                        sin,
                        half,
                        queryScale,
                        ofTrack(queryNorm, t),
                        ofTrack(keyNorm, t),
                        sinksOf.map(values -> Arrays.copyOfRange(values, from, from + heads.heads())),
                        Arrays.copyOfRange(offsets, t * shape.kvCols(), (t + 1) * shape.kvCols()),
                        heads.format());
            }
        }
        kv = on.device.kvPages(
                "kv",
                group,
                heads.tracks(),
                pages,
                TestBackend.PAGE_TOKENS,
                heads.kvHeads(),
                heads.dim(),
                heads.format());
        rotation = new Rotation(
                on.device.constant("cos", 1, POSITIONS, half, cos),
                on.device.constant("sin", 1, POSITIONS, half, sin),
                queryScale.map(values -> on.device.constant("query scales", 1, POSITIONS, 1, values)));
        norms = heads.norms() ? Optional.of(new HeadNorms(normOf(queryNorm), normOf(keyNorm))) : Optional.empty();
    }

    /** Returns queries, keys and values; for 8-bit formats their magnitudes differ from token to token. */
    private float[] input(int position) {
        float[] input = on.noise.normal(shape.qkvCols());
        if (heads.format().isBytes()) {
            for (int i = shape.queryCols(); i < input.length; i++) {
                boolean isKey = i < shape.queryCols() + shape.kvCols();
                input[i] *= Math.scalb(1f, isKey ? -(position % 5) : position % 9 - 4);
            }
        }
        return input;
    }

    private Optional<float[]> ofTrack(float[] weights, int track) {
        float[] mine = Arrays.copyOfRange(weights, track * heads.dim(), (track + 1) * heads.dim());
        return heads.norms() ? Optional.of(mine) : Optional.empty();
    }

    private Norm normOf(float[] weight) {
        return new Norm(
                on.device.constant("head norm", heads.tracks(), 1, heads.dim(), weight),
                Optional.empty(),
                AttentionReference.EPSILON);
    }

    private float[] angles(int half, boolean cosines) {
        float[] angles = new float[POSITIONS * half];
        for (int i = 0; i < angles.length; i++) {
            int position = i / half;
            double angle = position * Math.pow(100, -1.0 * (i % half) / half);
            angles[i] = (float) (cosines ? Math.cos(angle) : Math.sin(angle));
        }
        return angles;
    }

    private int[][] pageTables() {
        int[] order = on.noise.shuffled(pages);
        int[][] tables = new int[parts.size()][];
        int next = 0;
        for (int s = 0; s < tables.length; s++) {
            int count = pagesOf(parts.get(s).end());
            tables[s] = Arrays.copyOfRange(order, next, next + count);
            if (parts.get(s).copies()) {
                System.arraycopy(
                        tables[parts.get(s).source],
                        0,
                        tables[s],
                        0,
                        parts.get(s).shared() / TestBackend.PAGE_TOKENS);
            }
            next += count;
        }
        return tables;
    }

    void check() {
        poisonPages();
        List<Part> before = parts.stream()
                .map(part -> new Part(0, part.copies() ? 0 : part.cached))
                .toList();
        if (before.stream().anyMatch(part -> part.count > 0)) {
            store(before);
            giveBackUnseen();
        }
        Tensor qkv = store(parts);
        Tensor out = on.poisoned(heads.tracks(), tokens(parts), shape.queryCols());
        on.device.read(qkv); // the inputs and earlier tokens are there, as after an embedding
        on.ops.attention(out, qkv, kv, shape, sinks);
        float[] actualRows = on.device.read(qkv);
        float[] queries = new float[heads.tracks() * tokens(parts) * shape.queryCols()];
        double[] expectedQueries = new double[queries.length];
        double[] expected = new double[queries.length];
        int row = 0;
        for (int t = 0; t < heads.tracks(); t++) {
            for (int s = 0; s < parts.size(); s++) {
                double[][] outputs = references[s][t].outputs(parts.get(s).cached);
                for (int i = 0; i < outputs.length; i++, row++) {
                    int to = row * shape.queryCols();
                    double[] prepared = references[s][t].queries(parts.get(s).cached + i);
                    System.arraycopy(outputs[i], 0, expected, to, shape.queryCols());
                    System.arraycopy(prepared, 0, expectedQueries, to, shape.queryCols());
                    System.arraycopy(actualRows, row * cols(), queries, to, shape.queryCols());
                }
            }
        }
        on.closeness.check("queries", expectedQueries, queries, shape.queryCols());
        closeness().check("attention", expected, on.device.read(out), shape.queryCols());
    }

    /** Returns a wider tolerance for 8-bit formats: in fp32 a key just between two codes may become either. */
    private Closeness closeness() {
        return heads.format().isBytes()
                ? new Closeness(Math.max(on.backend.tolerance(), 1e-3), on.noise.seed)
                : on.closeness;
    }

    /** Releases pages that no token of the step sees: they hold NaN, as if reused, and the page table has invalid entries for them. */
    private void giveBackUnseen() {
        for (int s = 0; s < parts.size(); s++) {
            int unseen = shape.firstVisible(parts.get(s).cached) / TestBackend.PAGE_TOKENS;
            if (unseen > 0 && !parts.get(s).copies()) {
                poison(Arrays.copyOf(pageTables[s], unseen));
                Arrays.fill(pageTables[s], 0, unseen, s % 2 == 0 ? -1 : pageTables[s][0]);
            }
        }
    }

    /** Fills all pages with NaN, which must not matter at positions without a token of the sequence. */
    private void poisonPages() {
        poison(IntStream.range(0, pages).toArray());
    }

    private void poison(int[] all) {
        int perStep = POSITIONS / TestBackend.PAGE_TOKENS;
        for (int from = 0; from < all.length; from += perStep) {
            int[] some = Arrays.copyOfRange(all, from, Math.min(all.length, from + perStep));
            int count = some.length * TestBackend.PAGE_TOKENS;
            on.stepIo.begin(step(List.of(new Part(0, count)), new int[][] {some}));
            on.ops.ropeAndWriteKv(on.poisoned(heads.tracks(), count, cols()), kv, shape, rotation, norms, keyOffset);
        }
    }

    /** Rotates and stores the inputs of a step and returns them. Sequences without tokens are not in the step. */
    private Tensor store(List<Part> step) {
        List<Integer> there = IntStream.range(0, step.size())
                .filter(s -> step.get(s).count > 0)
                .boxed()
                .toList();
        float[] values = new float[heads.tracks() * tokens(step) * cols()];
        int to = 0;
        for (int t = 0; t < heads.tracks(); t++) {
            for (int s : there) {
                for (int i = step.get(s).cached; i < step.get(s).end(); i++, to += cols()) {
                    System.arraycopy(references[s][t].inputs()[i], 0, values, to, shape.qkvCols());
                }
            }
        }
        Tensor qkv = on.holding(values, heads.tracks(), tokens(step), cols());
        on.stepIo.begin(step(
                there.stream().map(step::get).toList(),
                there.stream().map(s -> pageTables[s]).toArray(int[][]::new)));
        on.ops.ropeAndWriteKv(qkv, kv, shape, rotation, norms, keyOffset);
        return qkv;
    }

    private int cols() {
        return shape.qkvCols() + gateCols;
    }

    private int tokens(List<Part> step) {
        return step.stream().mapToInt(Part::count).sum();
    }

    private Batch step(List<Part> step, int[][] tables) {
        int[] positions = step.stream()
                .flatMapToInt(part -> IntStream.range(part.cached, part.end()))
                .toArray();
        int[] starts = new int[step.size() + 1];
        for (int s = 0; s < step.size(); s++) {
            starts[s + 1] = starts[s] + step.get(s).count;
        }
        int[][][] ofGroups = Arrays.stream(tables)
                .map(table -> group == 0 ? new int[][] {table} : new int[][] {new int[table.length], table})
                .toArray(int[][][]::new);
        int[] slots = new int[tables.length];
        int[] tokens = new int[positions.length];
        for (int s = 0; s < step.size(); s += 2) { // the tokens of other sequences are known
            tokens[starts[s]] = step.get(s).continues() ? Batch.sampledBefore(0) : 0;
        }
        return new Batch(
                tokens,
                positions,
                starts,
                ofGroups,
                slots,
                copies(step, starts, ofGroups),
                Batch.StateCopies.NONE,
                new int[] {0},
                List.of(SampleRequest.likeliest()),
                0);
    }

    private static Copies copies(List<Part> step, int[] starts, int[][][] pageTables) {
        List<Integer> rows = new ArrayList<>();
        List<int[][]> tables = new ArrayList<>();
        for (int s = 0; s < step.size(); s++) {
            Part part = step.get(s);
            for (int position = part.shared(); part.copies() && position < part.cached; position++) {
                rows.add(starts[part.source] + position - step.get(part.source).cached);
                tables.add(pageTables[s]);
            }
        }
        return new Copies(rows.stream().mapToInt(Integer::intValue).toArray(), tables.toArray(int[][][]::new));
    }

    private static int pagesOf(int tokens) {
        return (tokens + TestBackend.PAGE_TOKENS - 1) / TestBackend.PAGE_TOKENS;
    }
}
