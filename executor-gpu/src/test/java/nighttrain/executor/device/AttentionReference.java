package nighttrain.executor.device;

import java.util.Optional;
import nighttrain.executor.device.Ops.AttentionShape;

/**
 * Norms per head, rotation and attention of one track of one sequence, textbook fashion in float64.
 *
 * @param inputs queries, keys and values side by side, {@code [positions][qkvCols]}
 * @param cos {@code [position * half + i]}
 * @param half pairs of dimensions that turn
 * @param queryScale factor of queries by position; absent: 1
 * @param queryNorm weights over {@code headDim}; absent: no norms
 * @param sinks a score of every query head that has no value; absent: none
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
        Optional<float[]> sinks) {
    static final float EPSILON = 1e-6f;

    /** The query heads at {@code position}, ready to be multiplied with keys. */
    double[] queries(int position) {
        double[] queries = new double[shape.queryCols()];
        for (int head = 0; head < shape.heads(); head++) {
            double[] query = prepared(position, head * shape.headDim(), queryNorm);
            for (int i = 0; i < query.length; i++) {
                queries[head * shape.headDim() + i] =
                        query[i] * queryScale.map(scales -> scales[position]).orElse(1f);
            }
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

    /** The mixed values at every position from {@code from} on, {@code [positions - from][queryCols]}. */
    double[][] outputs(int from) {
        double[][] out = new double[inputs.length - from][shape.queryCols()];
        for (int kvHead = 0; kvHead < shape.kvHeads(); kvHead++) {
            double[][] keys = new double[inputs.length][];
            for (int position = 0; position < inputs.length; position++) {
                keys[position] = prepared(position, shape.queryCols() + kvHead * shape.headDim(), keyNorm);
            }
            for (int position = from; position < inputs.length; position++) {
                attend(out[position - from], kvHead, keys, position);
            }
        }
        return out;
    }

    private void attend(double[] out, int kvHead, double[][] keys, int position) {
        int group = shape.heads() / shape.kvHeads();
        int dims = shape.headDim();
        double[] queries = queries(position);
        int values = shape.queryCols() + shape.kvCols() + kvHead * dims;
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
                    out[head * dims + i] += weights[j] / sum * inputs[j][values + i];
                }
            }
        }
    }
}
