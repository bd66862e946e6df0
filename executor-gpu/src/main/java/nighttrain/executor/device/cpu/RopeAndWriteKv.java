package nighttrain.executor.device.cpu;

import java.util.Optional;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.HeadNorms;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;
import nighttrain.io.spec.KvFormat;

/** Norms and rotates queries and keys in place (RoPE, arXiv 2104.09864), and copies keys and values into their pages. */
record RopeAndWriteKv(ThreadTeam team) {
    /** Runs sequence by sequence on several threads. Only one sequence writes to a page, which is allocated on its first write. */
    void run(
            CpuTensor qkv,
            CpuKvPages pages,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms,
            Optional<Tensor> keyOffset,
            Batch batch) {
        int sequences = batch.sequences();
        int queries = Math.max(1, qkv.rows() / Math.max(1, sequences));
        team.runRanges(qkv.tracks() * sequences, ThreadTeam.grain(queries * qkv.cols()), 8, (from, to) -> {
            for (int i = from; i < to; i++) {
                sequence(qkv, pages, i / sequences, i % sequences, shape, rotation, norms, keyOffset, batch);
            }
        });
        team.runRanges(qkv.tracks(), 1, 1, (from, to) -> {
            for (int track = from; track < to; track++) {
                copies(qkv, pages, track, shape, batch);
            }
        });
    }

    private static void copies(CpuTensor qkv, CpuKvPages kv, int track, AttentionShape shape, Batch batch) {
        for (int copy = 0; copy < batch.copies().size(); copy++) {
            int row = batch.copies().rows()[copy];
            store(qkv, kv, track, row, batch.copies().pageTables()[copy], shape, batch);
        }
    }

    private static void store(
            CpuTensor qkv, CpuKvPages kv, int track, int row, int[][] pageTables, AttentionShape shape, Batch batch) {
        int position = batch.positions()[row];
        int keys = qkv.row(track, row) + shape.queryCols();
        kv.store(
                track,
                pageTables[kv.group()][position / kv.pageTokens()],
                position % kv.pageTokens(),
                qkv.data(),
                keys,
                keys + shape.kvCols());
    }

    private static void sequence(
            CpuTensor qkv,
            CpuKvPages kv,
            int track,
            int sequence,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms,
            Optional<Tensor> keyOffset,
            Batch batch) {
        for (int row = batch.queryStarts()[sequence]; row < batch.queryStarts()[sequence + 1]; row++) {
            rotateRow(qkv.data(), qkv.row(track, row), track, batch.positions()[row], shape, rotation, norms);
            if (keyOffset.isPresent()) {
                CpuTensor offset = (CpuTensor) keyOffset.get();
                int keys = qkv.row(track, row) + shape.queryCols();
                for (int i = 0; i < shape.kvCols(); i++) {
                    qkv.data()[keys + i] -= offset.data()[offset.row(track, 0) + i];
                }
            }
            for (int head = 0; kv.format() == KvFormat.INT8 && head < shape.heads() + shape.kvHeads(); head++) {
                Hadamard.multiply(qkv.data(), qkv.row(track, row) + head * shape.headDim(), shape.headDim());
            }
            store(qkv, kv, track, row, batch.pageTables()[sequence], shape, batch);
        }
    }

    private static void rotateRow(
            float[] data,
            int start,
            int track,
            int position,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms) {
        for (int head = 0; head < shape.heads() + shape.kvHeads(); head++) {
            int h = start + head * shape.headDim();
            if (norms.isPresent()) {
                Norm norm =
                        head < shape.heads() ? norms.get().query() : norms.get().key();
                RowNorm.run(data, h, data, h, shape.headDim(), norm, track);
            }
            rotateHead(data, h, (CpuTensor) rotation.cos(), (CpuTensor) rotation.sin(), position);
            if (head < shape.heads() && rotation.queryScale().isPresent()) {
                scaleHead(
                        data,
                        h,
                        shape.headDim(),
                        (CpuTensor) rotation.queryScale().get(),
                        position);
            }
        }
    }

    private static void scaleHead(float[] data, int h, int dims, CpuTensor scales, int position) {
        float scale = scales.data()[scales.row(0, position)];
        for (int i = 0; i < dims; i++) {
            data[h + i] *= scale;
        }
    }

    private static void rotateHead(float[] data, int h, CpuTensor cos, CpuTensor sin, int position) {
        int half = cos.cols();
        int r = cos.row(0, position);
        for (int i = 0; i < half; i++) {
            float a = data[h + i];
            float b = data[h + half + i];
            data[h + i] = a * cos.data()[r + i] - b * sin.data()[r + i];
            data[h + half + i] = b * cos.data()[r + i] + a * sin.data()[r + i];
        }
    }
}
