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
        assertThat(room.enter(a, false)).isTrue();
        assertThat(room.enter(a, false)).as("shared").isTrue();
        assertThat(room.enter(b, false)).as("as much as there is").isTrue();
        assertThat(room.enter(c, false)).as("full").isFalse();
        room.leave(a);
        assertThat(room.enter(c, false)).as("a row of the first is left").isFalse();
        room.leave(a);
        assertThat(room.enter(c, false)).isTrue();
    }

    @Test
    void oneAloneHasRoom() {
        TokenAutomaton large = automaton(40_000);
        TokenAutomaton small = automaton(400);
        assertThat(room.enter(large, false)).isTrue();
        assertThat(room.enter(small, false)).isFalse();
        room.leave(large);
        assertThat(room.enter(small, false)).isTrue();
        assertThat(room.enter(large, false)).isFalse();
    }

    /** A session without rows may enter, since the rows that hold the room may be waiting for its rows. */
    @Test
    void aSessionWithoutRowsGetsInBesideTheOthersOneAtATime() {
        TokenAutomaton beyond = automaton(9_000);
        assertThat(room.enter(automaton(8_000), false)).isTrue();
        assertThat(room.enter(beyond, true)).isTrue();
        assertThat(room.enter(beyond, false)).as("further rows with it").isTrue();
        assertThat(room.enter(automaton(400), true)).as("of a third session").isFalse();
        room.leave(beyond);
        assertThat(room.enter(automaton(4_000), true)).isFalse();
        room.leave(beyond);
        assertThat(room.enter(automaton(4_000), true)).isTrue();
    }

    @Test
    void rowsOfASessionGiveTheirRoomBack() throws InterruptedException {
        Set<FairSession> sessions = ConcurrentHashMap.newKeySet();
        FairSession one = FairSession.among(sessions, room, new Answering());
        FairSession other = FairSession.among(sessions, room, new Answering());
        TokenAutomaton large = automaton(40_000);
        assertThat(one.offer(request(0, large))).isTrue();
        assertThat(one.offer(request(1, null))).as("without a constraint").isTrue();
        assertThat(other.offer(request(0, null))).isTrue();
        assertThat(other.offer(request(1, automaton(400)))).isFalse();
        one.poll(Duration.ZERO);
        assertThat(other.offer(request(1, automaton(400))))
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

    /** Accepts every request and answers them in order. */
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
