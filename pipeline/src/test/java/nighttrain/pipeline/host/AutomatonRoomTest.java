package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.executor.Engine;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.pipeline.host.HostedModel.FairSession;
import org.junit.jupiter.api.Test;

class AutomatonRoomTest {
    private final AutomatonRoom room = new AutomatonRoom(10_000);

    private static TokenAutomaton automaton(int bytes) {
        return new TokenAutomaton(1, new int[bytes / 4 - 2], new int[1], new int[1]);
    }

    @Test
    void differentAutomataTakeRoomUntilTheirLastRowEnds() {
        TokenAutomaton a = automaton(6_000);
        TokenAutomaton b = automaton(4_000);
        TokenAutomaton c = automaton(400);
        assertThat(room.enter(a)).isTrue();
        assertThat(room.enter(a)).as("shared").isTrue();
        assertThat(room.enter(b)).as("as much as there is").isTrue();
        assertThat(room.enter(c)).as("full").isFalse();
        room.leave(a);
        assertThat(room.enter(c)).as("a row of the first is left").isFalse();
        room.leave(a);
        assertThat(room.enter(c)).isTrue();
    }

    @Test
    void oneAloneHasRoom() {
        TokenAutomaton large = automaton(40_000);
        TokenAutomaton small = automaton(400);
        assertThat(room.enter(large)).isTrue();
        assertThat(room.enter(small)).isFalse();
        room.leave(large);
        assertThat(room.enter(small)).isTrue();
        assertThat(room.enter(large)).isFalse();
    }

    @Test
    void rowsOfASessionGiveTheirRoomBack() throws InterruptedException {
        Set<FairSession> sessions = ConcurrentHashMap.newKeySet();
        FairSession one = FairSession.among(sessions, room, new Answering());
        FairSession other = FairSession.among(sessions, room, new Answering());
        TokenAutomaton large = automaton(40_000);
        assertThat(one.offer(request(0, large))).isTrue();
        assertThat(one.offer(request(1, null))).as("without a constraint").isTrue();
        assertThat(other.offer(request(0, automaton(400)))).isFalse();
        one.poll(Duration.ZERO);
        assertThat(other.offer(request(0, automaton(400))))
                .as("the first is answered")
                .isTrue();
        assertThat(one.offer(request(2, large))).isFalse();
        other.close();
        assertThat(one.offer(request(2, large))).as("the other is closed").isTrue();
    }

    private static GenerationRequest request(int id, TokenAutomaton automaton) {
        return new GenerationRequest(
                id,
                new int[] {1},
                SamplingParams.greedy(1),
                0,
                Set.of(),
                StopCheck.NEVER,
                Optional.ofNullable(automaton).map(it -> new TokenConstraint(it, false)),
                List.of());
    }

    /** Takes all, and answers them in order. */
    private static final class Answering implements Engine.Session {
        private final Queue<Long> ids = new ArrayDeque<>();

        @Override
        public boolean offer(GenerationRequest request) {
            return ids.add(request.id());
        }

        @Override
        public Optional<Generation> poll(Duration atMost) {
            return Optional.of(new Generation(
                    ids.remove(),
                    new int[] {1},
                    FinishReason.STOP,
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    List.of(),
                    1,
                    0,
                    0,
                    0,
                    0));
        }

        @Override
        public int inFlight() {
            return ids.size();
        }

        @Override
        public void close() {}
    }
}
