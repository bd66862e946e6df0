package nighttrain.executor.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;

/** Steps of sequences that are alike. */
final class Steps {
    static final int PAGE_TOKENS = 16;

    private Steps() {}

    static Batch prefill(int sequences, int length) {
        return step(sequences, length, length);
    }

    static Batch decode(int sequences, int context) {
        return step(sequences, 1, context);
    }

    private static Batch step(int sequences, int length, int context) {
        int perSequence = (context + PAGE_TOKENS - 1) / PAGE_TOKENS;
        int[][][] tables = new int[sequences][1][];
        for (int s = 0; s < sequences; s++) {
            int first = s * perSequence;
            tables[s][0] = IntStream.range(first, first + perSequence).toArray();
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
