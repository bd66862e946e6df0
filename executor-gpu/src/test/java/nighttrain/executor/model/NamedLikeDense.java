package nighttrain.executor.model;

import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.CheckpointTensor;
import nighttrain.io.spec.ModelSpec;

/** A model of one track that reads the dense model's weights, whose names lack {@code tracks.0.}. */
record NamedLikeDense(RandomCheckpoint weights) implements Checkpoint {
    @Override
    public ModelSpec spec() {
        return weights.spec();
    }

    @Override
    public boolean has(String name) {
        return weights.has(name);
    }

    @Override
    public CheckpointTensor tensor(String name, long... expectedShape) {
        return weights.tensor(name.replace("tracks.0.", ""), expectedShape);
    }

    @Override
    public String fingerprint() {
        return weights.fingerprint();
    }

    @Override
    public void close() {
        weights.close();
    }
}
