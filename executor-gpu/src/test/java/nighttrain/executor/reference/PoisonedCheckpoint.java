package nighttrain.executor.reference;

import java.util.Arrays;
import java.util.List;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.checkpoint.DType;
import nighttrain.io.spec.ModelSpec;

/** A checkpoint where elements {@code from .. from + count - 1} of one tensor are replaced, for example by NaN, infinity or a large value. */
public record PoisonedCheckpoint(Checkpoint real, String tensor, long from, long count, float poison)
        implements Checkpoint {
    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        CheckpointTensor sound = real.tensor(name, expectedShape);
        return name.equals(tensor) ? new Values(sound, from, count, poison) : sound;
    }

    @Override
    public ModelSpec spec() {
        return real.spec();
    }

    @Override
    public boolean has(String name) {
        return real.has(name);
    }

    @Override
    public String fingerprint() {
        return real.fingerprint() + " poisoned";
    }

    @Override
    public void close() {
        // The owner of the real checkpoint closes it.
    }

    private record Values(CheckpointTensor sound, long first, long many, float poison) implements CheckpointTensor {
        @Override
        public String name() {
            return sound.name();
        }

        @Override
        public DType dtype() {
            return sound.dtype();
        }

        @Override
        public List<Long> shape() {
            return sound.shape();
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            sound.copyTo(from, target, targetOffset, count);
            int begin = (int) Math.max(0, Math.min(count, first - from));
            int end = (int) Math.max(begin, Math.min(count, first + many - from));
            Arrays.fill(target, targetOffset + begin, targetOffset + end, poison);
        }
    }
}
