package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import nighttrain.executor.Goldens;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares logits at every position of a prompt, on any number of ranks, with Hugging Face transformers and the training framework. */
class GoldenLogitsTest {
    static Stream<Arguments> checkpointsAndRanks() {
        return Stream.of(Goldens.names(), Goldens.quantized())
                .flatMap(List::stream)
                .flatMap(name -> Stream.of(1, 2, 4)
                        .filter(ranks -> ranks <= Goldens.mostRanks(name))
                        .map(ranks -> Arguments.of(name, ranks)));
    }

    @ParameterizedTest
    @MethodSource("checkpointsAndRanks")
    void agreeWithinAThousandth(String name, int ranks) throws Exception {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            ModelBlocks.checkRanks(checkpoint.spec(), ranks);
            for (Golden golden : Goldens.of(name)) {
                float[] logits = DecoderHarness.logits(checkpoint, ranks, golden.ids());
                float worst = 0;
                int vocabulary = checkpoint.spec().vocabSize();
                for (int i = 0; i < logits.length; i++) {
                    float difference = Math.abs(logits[i] - golden.logits()[i / vocabulary][i % vocabulary]);
                    worst = Float.isNaN(difference) ? Float.NaN : Math.max(worst, difference);
                }
                assertThat(logits).hasSize(golden.ids().length * vocabulary);
                assertThat(worst).isLessThan(1e-3f);
            }
        }
    }
}
