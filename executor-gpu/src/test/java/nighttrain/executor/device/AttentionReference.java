package nighttrain.executor.device;

import java.util.Arrays;
import java.util.Optional;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.io.spec.KvFormat;

/**
 * Computes head norms, rotary embedding and attention of one track of one sequence from their equations, in float64.
 *
 * @param inputs queries, keys and values side by side, {@code [positions][qkvCols]}
 * @param cos {@code [position * half + i]}
 * @param half rotated pairs of dimensions
 * @param queryScale factor of queries by position; absent: 1
 * @param queryNorm weights over {@code headDim}; absent: no norms
 * @param sinks an attention score for every query head that has no value; absent: none
 * @param keyOffset offset subtracted from keys before they are stored, {@code [kvCols]}
 * @param format format of keys and values
 */
record AttentionReference(
        float[][] inputs,
        AttentionShape shape,
        float[] cos,
        float[] sin,
        int half,
        Optional<float[]> queryScale,
        Optional<float[]> queryNorm,
        Optional<float[]> keyNorm,
        Optional<float[]> sinks,
        float[] keyOffset,
        KvFormat format) {
    static final float EPSILON = 1e-6f;

    /** Returns the query heads at {@code position}, ready to be multiplied with keys. */
    double[] queries(int position) {
        double[] queries = new double[shape.queryCols()];
        for (int head = 0; head < shape.heads(); head++) {
            double[] query = prepared(position, head * shape.headDim(), queryNorm);
            for (int i = 0; i < query.length; i++) {
                query[i] *= queryScale.map(scales -> scales[position]).orElse(1f);
            }
            System.arraycopy(mixed(query), 0, queries, head * shape.headDim(), query.length);
        }
        return queries;
    }

    private double[] prepared(int position, int column, Optional<float[]> norm) {
        int dims = shape.headDim();
        double[] x = new double[dims];
        double squares = 0;
        for (int i = 0; i < dims; i++) {
            x[i] = inputs[position][column + i];
            squares += x[i] * x[i] / dims;
        }
        for (int i = 0; i < dims && norm.isPresent(); i++) {
            x[i] = x[i] / Math.sqrt(squares + EPSILON) * norm.get()[i];
        }
        for (int i = 0; i < half; i++) {
            double c = cos[position * half + i];
            double s = sin[position * half + i];
            double first = x[i];
            x[i] = first * c - x[half + i] * s;
            x[half + i] = x[half + i] * c + first * s;
        }
        return x;
    }

    /** Returns the attention outputs at every position from {@code from} on, {@code [positions - from][queryCols]}. */
    double[][] outputs(int from) {
        double[][] out = new double[inputs.length - from][shape.queryCols()];
        for (int kvHead = 0; kvHead < shape.kvHeads(); kvHead++) {
            double[][] keys = new double[inputs.length][];
            for (int position = 0; position < inputs.length; position++) {
                double[] key = prepared(position, shape.queryCols() + kvHead * shape.headDim(), keyNorm);
                for (int i = 0; i < key.length; i++) {
                    key[i] -= keyOffset[kvHead * shape.headDim() + i];
                }
                keys[position] = kept(mixed(key));
            }
            for (int position = from; position < inputs.length; position++) {
                attend(out[position - from], kvHead, keys, position);
            }
        }
        return out;
    }

    /** For integer pages, multiplies by a Hadamard matrix over the root of its size, the largest power of two that divides the length. */
    private double[] mixed(double[] x) {
        int size = format == KvFormat.INT8 ? Integer.lowestOneBit(x.length) : 1;
        double[] mixed = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = i / size * size; j < i / size * size + size; j++) {
                mixed[i] += x[j] * (Integer.bitCount(i & j & size - 1) % 2 == 0 ? 1 : -1) / Math.sqrt(size);
            }
        }
        return mixed;
    }

    /** Rounds a key or a value as pages store it: e4m3 has 3 mantissa bits, a least step of 2^-9 and a maximum of 448; integers go up to 127. */
    private double[] kept(double[] row) {
        if (format == KvFormat.PLAIN) {
            return row;
        }
        double most = Arrays.stream(row).map(Math::abs).max().orElse(0);
        boolean integers = format == KvFormat.INT8;
        double scale = most == 0 ? 1 : Math.pow(2, Math.ceil(Math.log(most / (integers ? 127 : 448)) / Math.log(2)));
        return Arrays.stream(row)
                .map(x -> {
                    double step = integers ? 1 : Math.scalb(1.0, Math.max(Math.getExponent(x / scale), -6) - 3);
                    return Math.rint(x / scale / step) * step * scale;
                })
                .toArray();
    }

    private double[] value(int position, int column) {
        double[] value = new double[shape.headDim()];
        for (int i = 0; i < value.length; i++) {
            value[i] = inputs[position][column + i];
        }
        return kept(value);
    }

    private void attend(double[] out, int kvHead, double[][] keys, int position) {
        int group = shape.heads() / shape.kvHeads();
        int dims = shape.headDim();
        double[] queries = queries(position);
        double[][] values = new double[position + 1][];
        for (int j = shape.firstVisible(position); j <= position; j++) {
            values[j] = value(j, shape.queryCols() + shape.kvCols() + kvHead * dims);
        }
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
            double[] weights = new double[position + 1];
            int of = head;
            double sum = sinks.map(each -> Math.exp(each[of])).orElse(0.0);
            for (int j = shape.firstVisible(position); j <= position; j++) {
                double dot = 0;
                for (int i = 0; i < dims; i++) {
                    dot += queries[head * dims + i] * keys[j][i];
                }
                weights[j] = Math.exp(dot / Math.sqrt(dims));
                sum += weights[j];
            }
            for (int j = shape.firstVisible(position); j <= position; j++) {
                for (int i = 0; i < dims; i++) {
                    out[head * dims + i] += weights[j] / sum * values[j][i];
                }
            }
        }
    }
}
