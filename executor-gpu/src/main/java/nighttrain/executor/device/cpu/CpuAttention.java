package nighttrain.executor.device.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.step.Batch;

/**
 * Causal attention over paged keys and values, one query head of one token at a time. Pages are read in order of position, so
 * that the result depends neither on how a prompt was cut into chunks nor on the rest of the batch.
 */
final class CpuAttention {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    private final ThreadTeam team;
    private final ThreadLocal<float[]> scores = ThreadLocal.withInitial(() -> new float[0]);

    CpuAttention(ThreadTeam team) {
        this.team = team;
    }

    void run(CpuTensor out, CpuTensor qkv, CpuKvPages pages, AttentionShape shape, Batch batch) {
        int[] sequenceOf = sequenceOfToken(batch);
        int perToken = qkv.tracks() * shape.heads();
        team.runRanges(batch.size() * perToken, 4, 8, (from, to) -> {
            for (int i = from; i < to; i++) {
                int token = i / perToken;
                int track = i % perToken / shape.heads();
                int head = i % shape.heads();
                Query query = new Query(
                        qkv.data(),
                        qkv.row(track, token) + head * shape.headDim(),
                        track,
                        batch.positions()[token],
                        batch.pageTables()[sequenceOf[token]][pages.group()],
                        head / (shape.heads() / shape.kvHeads()));
                attend(out.data(), out.row(track, token) + head * shape.headDim(), query, pages, shape);
            }
        });
    }

    private static int[] sequenceOfToken(Batch batch) {
        int[] sequenceOf = new int[batch.size()];
        for (int s = 0; s < batch.sequences(); s++) {
            Arrays.fill(sequenceOf, batch.queryStarts()[s], batch.queryStarts()[s + 1], s);
        }
        return sequenceOf;
    }

    /** One query head of one token: where its values begin in {@code data}, and what it may see. */
    private record Query(float[] data, int start, int track, int position, int[] pageTable, int kvHead) {}

    private void attend(float[] out, int o, Query query, CpuKvPages pages, AttentionShape shape) {
        int firstVisible = shape.firstVisible(query.position());
        int firstPage = firstVisible / pages.pageTokens();
        int lastPage = query.position() / pages.pageTokens();
        int padded = pages.paddedTokens();
        float[] weights = buffer((lastPage - firstPage + 1) * padded);
        for (int page = firstPage; page <= lastPage; page++) {
            int w = (page - firstPage) * padded;
            scorePage(weights, w, query, pages, page, shape);
            int start = page * pages.pageTokens();
            mask(weights, w, padded, firstVisible - start, Math.min(query.position() - start + 1, pages.pageTokens()));
        }
        float inverseSum = 1 / exponentials(weights, (lastPage - firstPage + 1) * padded);
        Arrays.fill(out, o, o + shape.headDim(), 0f);
        for (int page = firstPage; page <= lastPage; page++) {
            int visible = Math.min(query.position() - page * pages.pageTokens() + 1, pages.pageTokens());
            addValues(out, o, weights, (page - firstPage) * padded, visible, query, pages, page, shape.headDim());
        }
        scale(out, o, shape.headDim(), inverseSum);
    }

    private float[] buffer(int length) {
        float[] buffer = scores.get();
        if (buffer.length < length) {
            buffer = new float[length * 2];
            scores.set(buffer);
        }
        return buffer;
    }

    /** {@code weights[w + j] = scale * (q . k_j)} for every position j of a page. */
    private static void scorePage(
            float[] weights, int w, Query query, CpuKvPages pages, int page, AttentionShape shape) {
        float[] keys = pages.keys(query.track(), query.pageTable()[page]);
        int k = pages.keyHead(query.kvHead());
        int padded = pages.paddedTokens();
        int headDim = shape.headDim();
        float scale = shape.scale();
        for (int j = 0; j < padded; j += LANES) {
            FloatVector sum = FloatVector.zero(SPECIES);
            for (int d = 0; d < headDim; d++) {
                sum = FloatVector.broadcast(SPECIES, query.data()[query.start() + d])
                        .fma(FloatVector.fromArray(SPECIES, keys, k + d * padded + j), sum);
            }
            sum.mul(scale).intoArray(weights, w + j);
        }
    }

    /** Positions before {@code from} and from {@code to} on are not seen. */
    private static void mask(float[] weights, int w, int padded, int from, int to) {
        if (from > 0) {
            Arrays.fill(weights, w, w + from, Float.NEGATIVE_INFINITY);
        }
        Arrays.fill(weights, w + to, w + padded, Float.NEGATIVE_INFINITY);
    }

    /** {@code weights = exp(weights - max)}; returns their sum. */
    private static float exponentials(float[] weights, int length) {
        FloatVector highest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        for (int j = 0; j < length; j += LANES) {
            highest = highest.max(FloatVector.fromArray(SPECIES, weights, j));
        }
        float max = highest.reduceLanes(VectorOperators.MAX);
        for (int j = 0; j < length; j += LANES) {
            Exponential.of(FloatVector.fromArray(SPECIES, weights, j).sub(max)).intoArray(weights, j);
        }
        return FixedSums.of(weights, 0, length);
    }

    /** {@code out += sum over j of weights[w + j] * v_j}. */
    private static void addValues(
            float[] out,
            int o,
            float[] weights,
            int w,
            int visible,
            Query query,
            CpuKvPages pages,
            int page,
            int headDim) {
        float[] values = pages.values(query.track(), query.pageTable()[page]);
        int v = pages.valueHead(query.kvHead());
        int d = 0;
        for (; d + LANES <= headDim; d += LANES) {
            FloatVector sum = FloatVector.fromArray(SPECIES, out, o + d);
            for (int j = 0; j < visible; j++) {
                sum = FloatVector.broadcast(SPECIES, weights[w + j])
                        .fma(FloatVector.fromArray(SPECIES, values, v + j * headDim + d), sum);
            }
            sum.intoArray(out, o + d);
        }
        for (; d < headDim; d++) {
            float sum = out[o + d];
            for (int j = 0; j < visible; j++) {
                sum = Math.fma(weights[w + j], values[v + j * headDim + d], sum);
            }
            out[o + d] = sum;
        }
    }

    private static void scale(float[] out, int o, int count, float factor) {
        for (int i = o; i < o + count; i++) {
            out[i] *= factor;
        }
    }
}
