package nighttrain.pipeline.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;

/** An engine of {@link PacedEngines}. */
final class PacedEngine implements Engine {
    private final EnginePlan plan;
    private final List<PacedReplica> replicas;

    PacedEngine(EnginePlan plan, int side, Duration step) {
        this.plan = plan;
        this.replicas = IntStream.range(0, side)
                .mapToObj(unused -> new PacedReplica(plan.maxNumSeqs() / side, step))
                .toList();
    }

    @Override
    public EnginePlan plan() {
        return plan;
    }

    @Override
    public Session session() {
        return new PacedSession();
    }

    @Override
    public List<EngineStats> replicaStats() {
        return replicas.stream().map(PacedReplica::stats).toList();
    }

    @Override
    public void close() {
        replicas.forEach(PacedReplica::close);
    }

    private final class PacedSession implements Session {
        private final BlockingQueue<Generation> answers = new LinkedBlockingQueue<>();
        private final List<GenerationRequest> taken = new ArrayList<>();
        private int inFlight;

        /** Offers to the replica with the fewest requests, as in a real engine. */
        @Override
        public boolean offer(GenerationRequest request) {
            PacedReplica idlest = replicas.stream()
                    .min(Comparator.comparingInt(PacedReplica::inFlight))
                    .orElseThrow();
            boolean takes = idlest.offer(request, answers::add);
            if (takes) {
                inFlight++;
                taken.add(request);
            }
            return takes;
        }

        @Override
        public Optional<Generation> poll(Duration atMost) throws InterruptedException {
            Optional<Generation> answer = Optional.ofNullable(answers.poll(atMost.toNanos(), TimeUnit.NANOSECONDS));
            inFlight -= answer.isPresent() ? 1 : 0;
            return answer;
        }

        @Override
        public int inFlight() {
            return inFlight;
        }

        @Override
        public void close() {
            replicas.forEach(replica -> replica.drop(taken));
        }
    }
}
