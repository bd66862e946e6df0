package nighttrain.pipeline.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.pipeline.testing.FakeEngines;
import nighttrain.pipeline.testing.FakeScript;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** With an engine that echoes prompts as far as the output may go. */
@Timeout(30)
class RoundRunnerTest {
    private final FakeEngines engines = FakeEngines.create();
    private final Engine engine = engines.open(EngineConfig.defaults(), Path.of("any"), true);

    @Test
    void asksAgainWhatTheEngineDidNotTake() throws Exception {
        FakeScript script = engines.script();
        script.capacity.set(2);

        Round round = new RoundRunner(engine, 3, 0).run(prompts(11, 5));

        assertThat(round.requests()).isEqualTo(11);
        assertThat(round.promptTokens()).isEqualTo(55);
        assertThat(round.outputTokens()).isEqualTo(33);
        assertThat(script.mostInFlight).hasValue(2);
        assertThat(script.computations()).isEqualTo(11);
        assertThat(script.openSessions).hasValue(0);
    }

    @Test
    void noMoreThanAskedForAreUnderWayAtOnce() throws Exception {
        Round round = new RoundRunner(engine, 3, 2).run(prompts(7, 5));

        assertThat(round.requests()).isEqualTo(7);
        assertThat(engines.script().mostInFlight).hasValue(2);
    }

    @Test
    void anOutputOfAnotherLengthIsNoMeasurement() {
        assertThatThrownBy(() -> new RoundRunner(engine, 6, 0).run(prompts(1, 5)))
                .hasMessage("output of another length: 5 tokens (asked for 6)");
    }

    private static List<int[]> prompts(int count, int length) {
        return IntStream.range(0, count)
                .mapToObj(i -> IntStream.range(i, i + length).toArray())
                .toList();
    }
}
