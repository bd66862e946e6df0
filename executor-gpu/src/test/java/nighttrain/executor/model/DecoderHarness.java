package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Ranks;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;

/** Runs one forward pass over a whole prompt on any number of ranks, without scheduler or engine. */
public final class DecoderHarness {
    private static final int PAGE_TOKENS = 16;

    private DecoderHarness() {}

    /** Returns the logits after every token, row-major {@code [tokens, vocabulary]}. */
    public static float[] logits(Checkpoint checkpoint, int ranks, int... ids) {
        return logits(checkpoint, ranks, UnaryOperator.identity(), ids);
    }

    /** As above, on devices that {@code wrapped} may alter. */
    static float[] logits(Checkpoint checkpoint, int ranks, UnaryOperator<Device> wrapped, int... ids) {
        return logits(
                checkpoint, CpuDevice.ranks(ranks, 1).stream().map(wrapped).toList(), ids);
    }

    /** As above, on {@code devices}, one for each rank; closes them at the end. */
    static float[] logits(Checkpoint checkpoint, List<Device> devices, int... ids) {
        return logits(checkpoint, devices, ids, IntStream.range(0, ids.length).toArray());
    }

    /** As above, but returns only the logits after the tokens {@code rows}, ascending. */
    static float[] logits(Checkpoint checkpoint, List<Device> devices, int[] ids, int[] rows) {
        int longest = checkpoint.spec().maxPositions();
        int pages = (longest + PAGE_TOKENS - 1) / PAGE_TOKENS;
        StepLimits limits = new StepLimits(1, longest, longest - 1, longest);
        CacheLayout layout = CacheLayout.of(
                CacheSpec.of(checkpoint.spec(), devices.size(), Float.BYTES, longest), PAGE_TOKENS, pages, 1);
        List<SampleRequest> samples = new ArrayList<>();
        for (int ignored : rows) {
            samples.add(
                    new SampleRequest(SamplingParams.greedy(1), 0, ids, ids.length, ids.length, SampleRequest.NONE));
        }
        int[] pageTable =
                IntStream.range(0, pages).map(page -> pages - 1 - page).toArray();
        int[][][] tables = {layout.groups().stream().map(group -> pageTable).toArray(int[][]::new)};
        int[] positions = IntStream.range(0, ids.length).toArray();
        Batch batch = new Batch(ids, positions, new int[] {0, ids.length}, tables, new int[1], rows, samples);
        try {
            return concatenated(Ranks.onAll(devices, device -> logits(checkpoint, device, limits, layout, batch)));
        } finally {
            devices.forEach(Device::close);
        }
    }

    /** Returns the logits of one rank's share of the rows. */
    private static float[] logits(
            Checkpoint checkpoint, Device device, StepLimits limits, CacheLayout layout, Batch batch) {
        return device.read(Decoder.load(checkpoint, device, limits, layout).logits(batch));
    }

    private static float[] concatenated(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }
}
