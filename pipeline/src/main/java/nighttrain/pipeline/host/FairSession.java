package nighttrain.pipeline.host;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;

/**
 * A task's session at an engine that may have no room for the rows of all tasks: who has more in flight than another that was
 * refused lately offers nothing. Without this a task that comes late would get almost nothing: others hear at once, by their own
 * answers, that there is room again.
 */
final class FairSession implements Engine.Session {
    /** A feeder asks again much sooner; one that does not has nothing to offer any more, or is busy, and nobody waits for it. */
    private static final long LATELY_NANOS = Duration.ofMillis(200).toNanos();

    private final Engine.Session session;
    private final Set<FairSession> all;
    private volatile int inFlight;
    private volatile boolean refused;
    private volatile long refusedNanos;

    private FairSession(Engine.Session session, Set<FairSession> all) {
        this.session = session;
        this.all = all;
    }

    /** {@code all}: a set that threads may share, of the sessions that are open at the engine. */
    static FairSession among(Set<FairSession> all, Engine.Session session) {
        FairSession fair = new FairSession(session, all);
        all.add(fair);
        return fair;
    }

    @Override
    public boolean offer(GenerationRequest request) {
        boolean taken = !othersAreWorseOff() && session.offer(request);
        refusedNanos = System.nanoTime();
        refused = !taken;
        inFlight = session.inFlight();
        return taken;
    }

    private boolean othersAreWorseOff() {
        long now = System.nanoTime();
        return all.stream()
                .anyMatch(
                        other -> other.inFlight < inFlight && other.refused && now - other.refusedNanos < LATELY_NANOS);
    }

    @Override
    public Optional<Generation> poll(Duration atMost) throws InterruptedException {
        Optional<Generation> answer = session.poll(atMost);
        inFlight = session.inFlight();
        return answer;
    }

    @Override
    public int inFlight() {
        return session.inFlight();
    }

    @Override
    public void close() {
        all.remove(this);
        session.close();
    }
}
