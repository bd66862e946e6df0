package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import nighttrain.executor.Goldens;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the loss of every trained architecture in conf/trained, in nats per token on held-out documents, with the framework that trained it; see
 * notebooks/trained_golden.py.
 */
class TrainedLossTest {
    private static final Path TRAINED = Path.of(System.getProperty("nighttrain.root"), "conf", "trained");
    private static final JsonNode GOLDEN = golden();

    static Stream<Arguments> checkpointsAndRanks() {
        return names().stream().flatMap(name -> Stream.of(1, 4).map(ranks -> Arguments.of(name, ranks)));
    }

    @ParameterizedTest
    @MethodSource("checkpointsAndRanks")
    void isTheTrainingFrameworks(String name, int ranks) throws Exception {
        JsonNode expected = GOLDEN.get("losses").get(name);
        try (Checkpoint checkpoint = Checkpoints.open(TRAINED.resolve(name))) {
            for (int document = 0; document < expected.size(); document++) {
                int[] ids =
                        new ObjectMapper().convertValue(GOLDEN.get("documents").get(document), int[].class);
                float[] logits = DecoderHarness.logits(checkpoint, ranks, ids);
                assertThat(loss(ids, logits, checkpoint.spec().vocabSize()))
                        .isCloseTo(expected.get(document).doubleValue(), within(1e-3));
            }
        }
    }

    @Test
    void allThatIsShippedIsHeldToALoss() throws IOException {
        try (Stream<Path> shipped = Files.list(TRAINED)) {
            assertThat(shipped.map(folder -> folder.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(names());
        }
    }

    private static List<String> names() {
        return StreamSupport.stream(((Iterable<String>) GOLDEN.get("losses")::fieldNames).spliterator(), false)
                .toList();
    }

    /** Returns the mean over next tokens of -log softmax(logits). */
    private static double loss(int[] ids, float[] logits, int vocabulary) {
        double sum = 0;
        for (int place = 0; place + 1 < ids.length; place++) {
            double most = Double.NEGATIVE_INFINITY;
            for (int token = 0; token < vocabulary; token++) {
                most = Math.max(most, logits[place * vocabulary + token]);
            }
            double weights = 0;
            for (int token = 0; token < vocabulary; token++) {
                weights += Math.exp(logits[place * vocabulary + token] - most);
            }
            sum += most + Math.log(weights) - logits[place * vocabulary + ids[place + 1]];
        }
        return sum / (ids.length - 1);
    }

    private static JsonNode golden() {
        try {
            File file = Goldens.checkpoint("trained-losses.json").toFile();
            return new ObjectMapper().readTree(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
