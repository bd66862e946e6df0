package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.text.Vocabulary;
import org.junit.jupiter.api.Test;

class ConstraintsTest {
    private static final Vocabulary BYTES = Vocabulary.of(
            IntStream.range(0, 257)
                    .mapToObj(b -> b < 256 ? new byte[] {(byte) b} : null)
                    .toArray(byte[][]::new),
            Set.of(256));

    @Test
    void threadsShareWhatIsCompiled() throws Exception {
        Constraints constraints = new Constraints(BYTES);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<TokenAutomaton>> compiled = IntStream.range(0, 4)
                    .mapToObj(i -> threads.submit(() -> constraints.compile(new Constraint.Regex("[a-c]{2,9}", ""))))
                    .toList();
            TokenAutomaton first = compiled.get(0).get(60, TimeUnit.SECONDS);
            for (Future<TokenAutomaton> each : compiled) {
                assertThat(each.get(60, TimeUnit.SECONDS)).isSameAs(first);
            }
            assertThat(constraints.compile(new Constraint.Regex("[a-c]{2,9}", "")))
                    .isSameAs(first);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void whatIsRefusedIsNotTriedAgain() {
        Constraints constraints = new Constraints(BYTES);
        Constraint large = new Constraint.JsonSchema("{\"type\":\"array\",\"uniqueItems\":true}", "");
        Throwable refusal = catchThrowable(() -> constraints.compile(large));
        assertThat(refusal).isInstanceOf(UserError.class);
        assertThat(catchThrowable(() -> constraints.compile(large))).isSameAs(refusal);
    }

    /** The slow constraint takes a hundred times the CPU time of the other. */
    @Test
    void aSlowConstraintKeepsNoOtherWaiting() throws Exception {
        Constraints constraints = new Constraints(CompileBenchmark.vocabulary(60_000));
        CountDownLatch begun = new CountDownLatch(1);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            Future<TokenAutomaton> slow = thread.submit(() -> {
                begun.countDown();
                return constraints.compile(
                        new Constraint.JsonSchema("{\"type\":\"string\",\"maxLength\":3000}", "</think>"));
            });
            assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
            Thread.sleep(20); // if all share a lock, the slow one has it
            constraints.compile(new Constraint.Choices(List.of("a", "b"), ""));
            assertThat(slow.isDone()).isFalse();
            slow.get(60, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
    }
}
