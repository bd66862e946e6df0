package nighttrain.jobs;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;

/** Forwards to another engine; subclasses can change the offers and polls of its sessions. */
abstract class ForwardingEngine implements Engine {
    private final Engine engine;

    ForwardingEngine(Engine engine) {
        this.engine = engine;
    }

    /** Performs an offer to one of its sessions. */
    boolean offer(Session session, GenerationRequest request) {
        return session.offer(request);
    }

    /** Performs a poll of one of its sessions. */
    Optional<Generation> poll(Session session, Duration atMost) throws InterruptedException {
        return session.poll(atMost);
    }

    @Override
    public EnginePlan plan() {
        return engine.plan();
    }

    @Override
    public List<EngineStats> replicaStats() {
        return engine.replicaStats();
    }

    @Override
    public void close() {
        engine.close();
    }

    @Override
    public Session session() {
        Session session = engine.session();
        return new Session() {
            @Override
            public boolean offer(GenerationRequest request) {
                return ForwardingEngine.this.offer(session, request);
            }

            @Override
            public Optional<Generation> poll(Duration atMost) throws InterruptedException {
                return ForwardingEngine.this.poll(session, atMost);
            }

            @Override
            public int inFlight() {
                return session.inFlight();
            }

            @Override
            public void close() {
                session.close();
            }
        };
    }
}
