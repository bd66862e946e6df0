package nighttrain.executor;

import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.spec.ModelSpec;

/** A checkpoint that throws when one rank reads one tensor. It recognises the rank by its thread name. */
record FailsOnRank(Checkpoint real, int rank, String tensor) implements Checkpoint {
    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        if (name.equals(tensor) && Thread.currentThread().getName().endsWith("-rank-" + rank)) {
            throw new IllegalStateException("planted at " + name);
        }
        return real.tensor(name, expectedShape);
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
        return real.fingerprint();
    }

    @Override
    public void close() {
        real.close();
    }
}
