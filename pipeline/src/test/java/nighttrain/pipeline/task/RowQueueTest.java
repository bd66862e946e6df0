package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.stream.IntStream;
import nighttrain.pipeline.task.TaskSpec.Pass;
import org.junit.jupiter.api.Test;

class RowQueueTest {
    private static final long FAST = Duration.ofMillis(1).toNanos();
    private static final long SLOW = Duration.ofSeconds(2).toNanos();

    private final AttemptCounts none = new AttemptCounts(Map.of());
    private final RowQueue queue = new RowQueue(
            IntStream.range(0, 10_000)
                    .mapToObj(i -> new PromptRow("file", i, 0, "id " + i, "prompt", null, null))
                    .iterator(),
            new Pass(false, none, Long.MAX_VALUE),
            none);

    @Test
    void takesFewRowsAtOnceWhileWritingThemDownIsQuick() {
        for (int i = 0; i < 10; i++) {
            assertThat(queue.next(0)).hasSize(16);
            queue.logged(FAST);
        }
    }

    @Test
    void takesMoreWhereItIsSlowUpToALimit() {
        for (int expected : new int[] {16, 32, 64, 128, 256, 256}) {
            assertThat(queue.next(0)).hasSize(expected);
            queue.logged(SLOW);
        }
    }
}
