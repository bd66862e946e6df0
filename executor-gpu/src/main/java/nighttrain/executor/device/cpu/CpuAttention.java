package nighttrain.executor.device.cpu;

import java.util.Arrays;
import java.util.Optional;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.step.Batch;

/**
 * Causal attention over paged keys and values, one query head of one token at a time. Pages are read in order of position, so
 * that the result depends neither on how a prompt was cut into chunks nor on the rest of the batch.
 */
final class CpuAttention {
    private final ThreadTeam team;
    private final ThreadLocal<float[]> scores = ThreadLocal.withInitial(() -> new float[0]);

    CpuAttention(ThreadTeam team) {
        this.team = team;
    }

    void run(
            CpuTensor out,
            CpuTensor qkv,
            CpuKvPages pages,
            AttentionShape shape,
            Optional<CpuTensor> sinks,
            Batch batch) {
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
                float sink = sinks.map(each -> each.data()[each.row(track, 0) + head])
                        .orElse(Float.NEGATIVE_INFINITY);
                attend(out.data(), out.row(track, token) + head * shape.headDim(), query, pages, shape, sink);
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

    /** One query head of one token: the start of its values in {@code data}, and the positions that it sees. */
    private record Query(float[] data, int start, int track, int position, int[] pageTable, int kvHead) {}

    private void attend(float[] out, int o, Query query, CpuKvPages pages, AttentionShape shape, float sink) {
        int firstVisible = shape.firstVisible(query.position());
        int firstPage = firstVisible / pages.pageTokens();
        int lastPage = query.position() / pages.pageTokens();
        int padded = pages.paddedTokens();
        int scored = (lastPage - firstPage + 1) * padded;
        int counted = sink == Float.NEGATIVE_INFINITY ? scored : scored + FixedSums.CHAINS;
        float[] weights = buffer(counted);
        for (int page = firstPage; page <= lastPage; page++) {
            int w = (page - firstPage) * padded;
            InnerLoops.CHOSEN.dotKeys(
                    weights,
                    w,
                    query.data(),
                    query.start(),
                    pages.keys(query.track(), query.pageTable()[page]),
                    pages.keyHead(query.kvHead()),
                    padded,
                    shape.headDim(),
                    shape.scale());
            int start = page * pages.pageTokens();
            mask(weights, w, padded, firstVisible - start, Math.min(query.position() - start + 1, pages.pageTokens()));
        }
        if (counted > scored) {
            Arrays.fill(weights, scored, counted, Float.NEGATIVE_INFINITY);
            weights[scored] = sink;
        }
        float inverseSum = 1 / InnerLoops.CHOSEN.exponentials(weights, counted);
        Arrays.fill(out, o, o + shape.headDim(), 0f);
        for (int page = firstPage; page <= lastPage; page++) {
            int visible = Math.min(query.position() - page * pages.pageTokens() + 1, pages.pageTokens());
            InnerLoops.CHOSEN.addValues(
                    out,
                    o,
                    weights,
                    (page - firstPage) * padded,
                    visible,
                    pages.values(query.track(), query.pageTable()[page]),
                    pages.valueHead(query.kvHead()),
                    shape.headDim());
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

    /** Positions before {@code from} and from {@code to} on are not seen. */
    private static void mask(float[] weights, int w, int padded, int from, int to) {
        if (from > 0) {
            Arrays.fill(weights, w, w + from, Float.NEGATIVE_INFINITY);
        }
        Arrays.fill(weights, w + to, w + padded, Float.NEGATIVE_INFINITY);
    }

    private static void scale(float[] out, int o, int count, float factor) {
        for (int i = o; i < o + count; i++) {
            out[i] *= factor;
        }
    }
}
