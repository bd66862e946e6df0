package nighttrain.executor;

import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.spec.ModelSpec;

/** A checkpoint of which one rank cannot read one tensor; ranks are known by the names of their threads. */
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
