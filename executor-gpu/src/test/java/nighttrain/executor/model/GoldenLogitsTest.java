package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.Goldens;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits at every position of a prompt, on any number of ranks, against Hugging Face transformers and the training framework. */
class GoldenLogitsTest {
    private static final int PAGE_TOKENS = 16;
    private static final int MAX_TOKENS = 256;

    static Stream<Arguments> checkpointsAndRanks() {
        return Goldens.names().stream()
                .flatMap(name -> Stream.of(1, 2, 4)
                        .filter(ranks -> ranks < 4 || name.equals("parallel-track"))
                        .map(ranks -> Arguments.of(name, ranks)));
    }

    @ParameterizedTest
    @MethodSource("checkpointsAndRanks")
    void agreeWithinAThousandth(String name, int ranks) throws Exception {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            Architecture.of(checkpoint.config()).checkRanks(checkpoint.config(), ranks);
            for (Golden golden : Goldens.of(name)) {
                float[] logits = logits(checkpoint, ranks, golden.ids());
                float worst = 0;
                int vocabulary = checkpoint.config().vocabSize();
                for (int i = 0; i < logits.length; i++) {
                    float difference = Math.abs(logits[i] - golden.logits()[i / vocabulary][i % vocabulary]);
                    worst = Float.isNaN(difference) ? Float.NaN : Math.max(worst, difference);
                }
                assertThat(logits).hasSize(golden.ids().length * vocabulary);
                assertThat(worst).isLessThan(1e-3f);
            }
        }
    }

    private static float[] logits(Checkpoint checkpoint, int ranks, int[] ids) {
        List<Device> devices = CpuDevice.ranks(ranks, 1);
        int pages = MAX_TOKENS / PAGE_TOKENS;
        Decoder.Limits limits = new Decoder.Limits(MAX_TOKENS, MAX_TOKENS, MAX_TOKENS, pages, PAGE_TOKENS);
        int[] rows = IntStream.range(0, ids.length).toArray();
        List<Draw> draws = new ArrayList<>();
        for (int ignored : rows) {
            draws.add(new Draw(SamplingParams.greedy(1), 0, ids, ids.length, ids.length));
        }
        Batch batch = new Batch(
                ids,
                rows,
                new int[] {0, ids.length},
                new int[][] {IntStream.range(0, pages).toArray()},
                rows,
                draws);
        List<CompletableFuture<float[]>> results = devices.stream()
                .map(device -> CompletableFuture.supplyAsync(
                        () -> device.read(
                                Decoder.load(checkpoint, device, limits).logits(batch)),
                        task -> new Thread(task).start()))
                .toList();
        results.forEach(CompletableFuture::join);
        devices.forEach(Device::close);
        return results.get(0).join();
    }
}
