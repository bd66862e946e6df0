package nighttrain.executor.reference;

import java.util.List;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.checkpoint.DType;
import nighttrain.io.spec.ModelSpec;

/** A checkpoint whose weights are rounded to bf16, so that a device that stores bf16 computes the same function. */
public record Bfloat16Checkpoint(Checkpoint exact) implements Checkpoint {
    @Override
    public ModelSpec spec() {
        return exact.spec();
    }

    @Override
    public boolean has(String name) {
        return exact.has(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        return new Rounded(exact.tensor(name, expectedShape));
    }

    @Override
    public String fingerprint() {
        return exact.fingerprint() + " in bf16";
    }

    @Override
    public void close() {
        exact.close();
    }

    private record Rounded(CheckpointTensor exact) implements CheckpointTensor {
        @Override
        public String name() {
            return exact.name();
        }

        @Override
        public DType dtype() {
            return exact.dtype();
        }

        @Override
        public List<Long> shape() {
            return exact.shape();
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            exact.copyTo(from, target, targetOffset, count);
            for (int i = targetOffset; i < targetOffset + count; i++) {
                target[i] = Bfloat16.toFloat(Bfloat16.of(target[i]));
            }
        }
    }
}
