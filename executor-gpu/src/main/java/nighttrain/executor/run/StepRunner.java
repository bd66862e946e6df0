package nighttrain.executor.run;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.device.Device.GraphRecorder;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;

/**
 * Runs steps on one rank. Decode steps are padded to a few sizes and replayed from captured graphs if the device has a recorder; a graph is
 * captured when its size first occurs. All other steps are enqueued operation by operation.
 */
final class StepRunner {
    private final Decoder decoder;
    private final Optional<GraphRecorder> recorder;
    private final Map<Integer, CapturedGraph> graphs = new HashMap<>();

    StepRunner(Decoder decoder, Optional<GraphRecorder> recorder) {
        this.decoder = decoder;
        this.recorder = recorder;
    }

    /** Enqueues a step. Its handle returns this rank's part of the samples. */
    StepHandle launch(Batch batch) {
        if (recorder.isEmpty() || !batch.isDecode()) {
            decoder.begin(batch);
            decoder.enqueue(batch.size(), batch.outputRows().length);
            return decoder.end();
        }
        int size = Math.min(bucket(batch.size()), decoder.limits().maxSequences());
        decoder.begin(
                batch.padded(size, decoder.scratchPages(), decoder.layout().scratchSlot()));
        CapturedGraph graph = graphs.get(size);
        if (graph == null) {
            decoder.enqueue(
                    size, size); // once without capture: choices made on first use cannot be made during capture
            graphs.put(size, recorder.get().record(() -> decoder.enqueue(size, size)));
        } else {
            graph.replay();
        }
        StepHandle padded = decoder.end();
        int wanted = Math.max(0, batch.size() - decoder.share(size).from());
        return () -> {
            List<SampledToken> sampled = padded.await();
            return sampled.subList(0, Math.min(sampled.size(), wanted));
        };
    }

    /** Returns the captured size that serves {@code sequences} sequences: at most an eighth more. */
    static int bucket(int sequences) {
        int unit = sequences <= 8 ? 1 : Integer.highestOneBit(sequences - 1) / 8;
        return (sequences + unit - 1) / unit * unit;
    }

    /** Runs the largest steps once, on the scratch pages, so that no request waits for compilers or for the choice of algorithms. */
    void warmUp() {
        if (recorder.isPresent()) {
            largest(decoder).forEach(batch -> launch(batch).await());
        }
    }

    /** Enqueues the same steps without graphs, for a device that prepares what they need. */
    static void rehearse(Decoder decoder) {
        for (Batch batch : largest(decoder)) {
            decoder.begin(batch);
            decoder.enqueue(batch.size(), batch.outputRows().length);
            decoder.end().await();
        }
    }

    private static List<Batch> largest(Decoder decoder) {
        StepLimits limits = decoder.limits();
        int longest = Math.min(limits.maxTokens(), limits.maxModelLen() - 1);
        int sequences = Math.max(1, Math.min(limits.maxTokens() / longest, limits.maxSequences()));
        return List.of(scratch(decoder, sequences, longest), scratch(decoder, limits.maxSequences(), 1));
    }

    private static Batch scratch(Decoder decoder, int sequences, int length) {
        int[][] pages = new int[decoder.scratchPages().length]
                [PagedKv.pagesFor(length, decoder.layout().pageTokens())];
        for (int group = 0; group < pages.length; group++) {
            Arrays.fill(pages[group], decoder.scratchPages()[group]);
        }
        int[][][] tables = new int[sequences][][];
        Arrays.fill(tables, pages);
        int[] slots = new int[sequences];
        Arrays.fill(slots, decoder.layout().scratchSlot());
        SampleRequest[] samples = new SampleRequest[sequences];
        Arrays.fill(samples, SampleRequest.likeliest());
        return new Batch(
                new int[sequences * length],
                IntStream.range(0, sequences * length).map(i -> i % length).toArray(),
                IntStream.rangeClosed(0, sequences).map(s -> s * length).toArray(),
                tables,
                slots,
                IntStream.range(0, sequences).map(s -> (s + 1) * length - 1).toArray(),
                List.of(samples));
    }
}
