package nighttrain.executor.benchmark;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.ModelSpec;

/** Creates steps of sequences of equal length. */
final class Steps {
    static final int PAGE_TOKENS = 16;

    /** Scales the standard deviation of embeddings from 0.02 to 1. */
    private static final double APART = 50;

    private Steps() {}

    /**
     * Returns random weights of a shape in {@code conf}. If it has experts, embeddings are scaled up. Otherwise random attention, which adds the same
     * to all tokens, would outweigh them and route all tokens to the same experts, whereas routers are trained to choose evenly.
     */
    static Checkpoint weights(String shape) {
        Checkpoint dummy = Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", shape));
        ModelSpec model = dummy.spec();
        boolean experts = model.layers().stream().anyMatch(layer -> layer.feedForward() instanceof MixtureOfExperts);
        return experts ? dummy.with(model.withEmbedding(model.embedding().times(APART))) : dummy;
    }

    static Batch prefill(int sequences, int length) {
        return prefill(1, sequences, length);
    }

    static Batch decode(int sequences, int context) {
        return decode(1, sequences, context);
    }

    /** @param groups number of layer groups with their own pages */
    static Batch prefill(int groups, int sequences, int length) {
        return step(groups, sequences, length, length);
    }

    static Batch decode(int groups, int sequences, int context) {
        return step(groups, sequences, 1, context);
    }

    /** Returns the decode step after {@code step}; its tokens are those that {@code step} samples. */
    static Batch after(Batch step) {
        return new Batch(
                IntStream.range(0, step.sequences()).map(Batch::sampledBefore).toArray(),
                step.positions(),
                step.queryStarts(),
                step.pageTables(),
                step.slots(),
                step.outputRows(),
                step.samples());
    }

    private static Batch step(int groups, int sequences, int length, int context) {
        int perSequence = (context + PAGE_TOKENS - 1) / PAGE_TOKENS;
        int[][][] tables = new int[sequences][groups][];
        for (int s = 0; s < sequences; s++) {
            int first = s * perSequence;
            Arrays.fill(tables[s], IntStream.range(first, first + perSequence).toArray());
        }
        SampleRequest[] samples = new SampleRequest[sequences];
        Arrays.fill(samples, SampleRequest.likeliest());
        return new Batch(
                IntStream.range(0, sequences * length).map(i -> i * 7 % 1000).toArray(),
                IntStream.range(0, sequences * length)
                        .map(i -> context - length + i % length)
                        .toArray(),
                IntStream.rangeClosed(0, sequences).map(s -> s * length).toArray(),
                tables,
                IntStream.range(0, sequences).toArray(),
                IntStream.range(0, sequences).map(s -> (s + 1) * length - 1).toArray(),
                List.of(samples));
    }
}
