package nighttrain.executor.reference;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.checkpoint.DType;
import nighttrain.io.spec.ModelSpec;

/** A checkpoint whose random weights are a function of the tensor name. They are large enough to spread the logits; norm weights are not 1. */
public final class RandomCheckpoint implements Checkpoint {
    private final ModelSpec model;
    private final Map<String, float[]> replaced;

    private RandomCheckpoint(ModelSpec model, Map<String, float[]> replaced) {
        this.model = model;
        this.replaced = replaced;
    }

    public static RandomCheckpoint of(ModelSpec model) {
        return new RandomCheckpoint(model, new ConcurrentHashMap<>());
    }

    /** Returns a copy with other values for one tensor. */
    public RandomCheckpoint with(String name, float[] values) {
        Map<String, float[]> more = new ConcurrentHashMap<>(replaced);
        more.put(name, values);
        return new RandomCheckpoint(model, more);
    }

    /** Returns all values of a tensor. */
    public float[] values(String name, long... shape) {
        CheckpointTensor tensor = tensor(name, shape);
        float[] values = new float[(int) tensor.size()];
        tensor.copyTo(0, values, 0, values.length);
        return values;
    }

    @Override
    public ModelSpec spec() {
        return model;
    }

    @Override
    public boolean has(String name) {
        return true;
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        List<Long> shape = Arrays.stream(expectedShape).boxed().toList();
        Supplier<float[]> random = () -> random(name, expectedShape);
        return new Values(name, shape, replaced.containsKey(name) ? replaced.get(name) : random.get());
    }

    private static float[] random(String name, long[] shape) {
        Random random = new Random(name.hashCode());
        int size = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        boolean norm = name.contains("norm") && name.endsWith("weight");
        double spread = shape.length == 1 ? 0.3 : name.contains("embed") ? 1 : 1.5 / Math.sqrt(shape[1]);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (random.nextGaussian() * spread + (norm ? 1 : 0));
        }
        return values;
    }

    @Override
    public String fingerprint() {
        return "random";
    }

    @Override
    public void close() {
        // There is nothing to close.
    }

    private record Values(String name, List<Long> shape, float[] values) implements CheckpointTensor {
        @Override
        public DType dtype() {
            return DType.F32;
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            System.arraycopy(values, (int) from, target, targetOffset, count);
        }
    }
}
