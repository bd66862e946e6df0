package nighttrain.executor;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.run.Replica;
import nighttrain.executor.schedule.Sequence;

/** An engine of several replicas; a request goes to the replica with the fewest requests in flight. */
final class ReplicatedEngine implements Engine {
    private final EnginePlan plan;
    private final RequestCheck check;
    private final List<Replica> replicas;
    private final Supplier<List<DeviceReading>> devices;

    ReplicatedEngine(
            EnginePlan plan, RequestCheck check, List<Replica> replicas, Supplier<List<DeviceReading>> devices) {
        this.plan = plan;
        this.check = check;
        this.replicas = List.copyOf(replicas);
        this.devices = devices;
    }

    @Override
    public EnginePlan plan() {
        return plan;
    }

    @Override
    public Session session() {
        return new Submitter();
    }

    @Override
    public List<EngineStats> replicaStats() {
        return replicas.stream().map(Replica::stats).toList();
    }

    @Override
    public List<DeviceReading> devices() {
        return devices.get();
    }

    @Override
    public void close() {
        replicas.forEach(Replica::close);
    }

    /** The outcome of a request: an answer, or the engine's failure. */
    private record Outcome(Optional<Generation> generation, Optional<RuntimeException> failure) {}

    private final class Submitter implements Session {
        private final BlockingQueue<Outcome> outcomes = new LinkedBlockingQueue<>();
        private final Set<Sequence> running = ConcurrentHashMap.newKeySet();
        private int inFlight;
        private Sequence latest;
        private Replica replicaOfLatest;

        @Override
        public boolean offer(GenerationRequest request) {
            long now = System.nanoTime();
            Optional<RequestError> error = check.errorOf(request);
            boolean taken = error.isPresent() || submit(new Sequence(request, now));
            error.ifPresent(e -> outcomes.add(new Outcome(Optional.of(refusal(request, e, now)), Optional.empty())));
            inFlight += taken ? 1 : 0;
            return taken;
        }

        private boolean submit(Sequence sequence) {
            Replica replica = latest != null && sequence.scoresTheSamePrompt(latest)
                    ? replicaOfLatest // it has the prompt in its cache
                    : replicas.stream()
                            .min(Comparator.comparingInt(Replica::inFlight))
                            .orElseThrow();
            running.add(sequence);
            try {
                boolean taken = replica.offer(sequence, new Deliver(sequence));
                if (taken) {
                    latest = sequence;
                    replicaOfLatest = replica;
                } else {
                    running.remove(sequence);
                }
                return taken;
            } catch (RuntimeException e) {
                throw new EngineException("the engine has failed: " + e.getMessage(), e);
            }
        }

        private Generation refusal(GenerationRequest request, RequestError error, long now) {
            return new Generation(
                    request.id(),
                    new int[0],
                    FinishReason.ERROR,
                    Optional.of(error),
                    List.of(),
                    List.of(),
                    List.of(),
                    request.promptTokens().length,
                    0,
                    now,
                    now,
                    now);
        }

        @Override
        public Optional<Generation> poll(Duration atMost) throws InterruptedException {
            Outcome outcome = outcomes.poll(atMost.toNanos(), TimeUnit.NANOSECONDS);
            if (outcome == null) {
                return Optional.empty();
            }
            if (outcome.failure().isPresent()) {
                RuntimeException cause = outcome.failure().get();
                throw new EngineException("the engine has failed: " + cause.getMessage(), cause);
            }
            inFlight--;
            return outcome.generation();
        }

        @Override
        public int inFlight() {
            return inFlight;
        }

        @Override
        public void close() {
            running.forEach(Sequence::cancel);
        }

        private final class Deliver implements Replica.Listener {
            private final Sequence sequence;

            Deliver(Sequence sequence) {
                this.sequence = sequence;
            }

            @Override
            public void finished(Generation generation) {
                running.remove(sequence);
                outcomes.add(new Outcome(Optional.of(generation), Optional.empty()));
            }

            @Override
            public void failed(RuntimeException failure) {
                running.remove(sequence);
                outcomes.add(new Outcome(Optional.empty(), Optional.of(failure)));
            }
        }
    }
}
