package nighttrain.pipeline.testing;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;

/** A continuous batch whose steps end by the clock: it makes up for a late step, as on a device that never waits. */
final class PacedReplica {
    private final int maxNumSeqs;
    private final Duration step;
    private final Deque<Sequence> waiting = new ArrayDeque<>();
    private final List<Sequence> running = new ArrayList<>();
    private final Thread loop = new Thread(this::loop, "paced-engine");
    private long promptTokens;
    private long outputTokens;
    private long finished;
    private long steps;
    private volatile boolean closed;

    private static final class Sequence {
        private final GenerationRequest request;
        private final Consumer<Generation> answer;
        private final int outputTokens;
        private final long submittedNanos = System.nanoTime();
        private int done;

        Sequence(GenerationRequest request, Consumer<Generation> answer) {
            this.request = request;
            this.answer = answer;
            this.outputTokens = Math.min(request.sampling().maxTokens(), request.promptTokens().length);
        }

        boolean isFinished() {
            return done == request.promptTokens().length + outputTokens;
        }

        Generation generation(long now) {
            return new Generation(
                    request.id(),
                    Arrays.copyOf(request.promptTokens(), outputTokens),
                    FinishReason.LENGTH,
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    List.of(),
                    request.promptTokens().length,
                    0,
                    submittedNanos,
                    now,
                    now);
        }
    }

    PacedReplica(int maxNumSeqs, Duration step) {
        this.maxNumSeqs = maxNumSeqs;
        this.step = step;
        loop.setDaemon(true);
        loop.start();
    }

    synchronized int inFlight() {
        return waiting.size() + running.size();
    }

    synchronized void drop(Collection<GenerationRequest> cancelled) {
        waiting.removeIf(sequence -> cancelled.contains(sequence.request));
        running.removeIf(sequence -> cancelled.contains(sequence.request));
    }

    /** Accepts requests for a running batch and for another that waits. */
    synchronized boolean offer(GenerationRequest request, Consumer<Generation> answer) {
        return inFlight() < 2 * maxNumSeqs && waiting.add(new Sequence(request, answer));
    }

    synchronized EngineStats stats() {
        return new EngineStats(
                running.size(),
                waiting.size(),
                finished,
                0,
                new Tokens(promptTokens, 0, outputTokens),
                new Steps(steps, steps * step.toNanos(), 0, 0),
                new Pages(0, 1),
                Experts.NONE);
    }

    private void loop() {
        long due = System.nanoTime();
        while (!closed) {
            boolean worked = admit();
            // An idle engine's clock does not run ahead.
            due = worked ? due + step.toNanos() : System.nanoTime() + step.toNanos();
            LockSupport.parkNanos(due - System.nanoTime());
            if (worked) {
                commit();
            }
        }
    }

    private synchronized boolean admit() {
        while (running.size() < maxNumSeqs && !waiting.isEmpty()) {
            running.add(waiting.remove());
        }
        return !running.isEmpty();
    }

    private synchronized void commit() {
        long now = System.nanoTime();
        steps++;
        for (Sequence sequence : running) {
            sequence.done++;
            if (sequence.isFinished()) {
                promptTokens += sequence.request.promptTokens().length;
                outputTokens += sequence.outputTokens;
                finished++;
                sequence.answer.accept(sequence.generation(now));
            }
        }
        running.removeIf(Sequence::isFinished);
    }

    void close() {
        closed = true;
    }
}
