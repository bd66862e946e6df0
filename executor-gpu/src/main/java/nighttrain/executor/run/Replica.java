package nighttrain.executor.run;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.Sequence;
import nighttrain.executor.schedule.Step;
import nighttrain.executor.step.SampledToken;

/**
 * One copy of the model with its own queue, scheduler and KV cache: a thread that plans, launches and commits steps. If the device runs ahead, the
 * thread plans and prepares a step while the one before is under way.
 */
public final class Replica implements AutoCloseable {
    private static final long IDLE_MILLIS = 20;

    private final Scheduler scheduler;
    private final PageAllocator pages;
    private final RankGroup workers;
    private final int capacity;
    private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
    private final AtomicInteger inFlight = new AtomicInteger();
    private final IdentityHashMap<Sequence, Listener> listeners = new IdentityHashMap<>();
    private final Deque<UnderWay> underWay = new ArrayDeque<>();
    private final Thread loop;
    private volatile boolean closed;
    private volatile RuntimeException failure;
    private volatile EngineStats stats;
    private long promptTokens;
    private long cachedPromptTokens;
    private long finishedCount;
    private long steps;
    private long stepNanos;
    private long lastFinished = System.nanoTime();

    /** Receives the outcome of a sequence, on the replica's thread; must not block. */
    public interface Listener {
        void finished(Generation generation);

        /** Called when the replica fails; also after {@link #finished}, if that threw, which ends the replica. */
        void failed(RuntimeException failure);
    }

    private record Arrival(Sequence sequence, Listener listener) {}

    private record UnderWay(Step step, StepHandle handle, long launchedNanos) {}

    /**
     * @param capacity most sequences taken and not yet finished
     */
    public Replica(String name, Scheduler scheduler, PageAllocator pages, RankGroup workers, int capacity) {
        this.scheduler = scheduler;
        this.pages = pages;
        this.workers = workers;
        this.capacity = capacity;
        this.stats = snapshot();
        this.loop = new Thread(this::loop, name);
        loop.setDaemon(true);
        loop.start();
    }

    /** Takes a sequence; returns {@code false} if the replica already holds {@code capacity} sequences. */
    public boolean offer(Sequence sequence, Listener listener) {
        if (failure != null) {
            throw failure;
        }
        if (inFlight.incrementAndGet() > capacity) {
            inFlight.decrementAndGet();
            return false;
        }
        Arrival arrival = new Arrival(sequence, listener);
        arrivals.add(arrival);
        if (failure != null && arrivals.remove(arrival)) { // the replica failed meanwhile and takes no arrivals
            throw failure;
        }
        return true;
    }

    /** Sequences taken and not yet finished. */
    public int inFlight() {
        return inFlight.get();
    }

    public EngineStats stats() {
        return stats;
    }

    private void loop() {
        try {
            while (!closed) {
                admitArrivals();
                scheduler.dropCancelled().forEach(this::forget);
                Step step = scheduler.next();
                if (!step.isEmpty()) {
                    launch(step);
                }
                if (underWay.size() > (step.isEmpty() ? 0 : workers.stepsAhead())) {
                    finish(underWay.remove());
                } else if (underWay.isEmpty()) {
                    stats = snapshot();
                }
            }
            fail(new IllegalStateException("the engine was closed"));
        } catch (RuntimeException | Error e) {
            fail(e instanceof RuntimeException known ? known : new IllegalStateException("the engine failed: " + e, e));
        } catch (InterruptedException e) {
            fail(new IllegalStateException("the engine was interrupted", e));
        }
    }

    /** Hands new sequences to the scheduler. Waits for one only if there is no other work. */
    private void admitArrivals() throws InterruptedException {
        if (scheduler.running() == 0 && scheduler.waiting() == 0 && underWay.isEmpty()) {
            Arrival first = arrivals.poll(IDLE_MILLIS, TimeUnit.MILLISECONDS);
            if (first != null) {
                admit(first);
            }
        }
        for (Arrival next = arrivals.poll(); next != null; next = arrivals.poll()) {
            admit(next);
        }
    }

    private void admit(Arrival arrival) {
        listeners.put(arrival.sequence(), arrival.listener());
        scheduler.add(arrival.sequence());
    }

    private void launch(Step step) {
        long now = System.nanoTime();
        underWay.add(new UnderWay(step, workers.launch(step.batch()), now));
    }

    private void finish(UnderWay oldest) {
        List<SampledToken> sampled = oldest.handle().await();
        long now = System.nanoTime();
        steps++;
        stepNanos += now - Math.max(oldest.launchedNanos(), lastFinished);
        lastFinished = now;
        List<Sequence> finished = scheduler.commit(oldest.step(), sampled, now);
        List<Generation> generations = new ArrayList<>();
        for (Sequence sequence : finished) {
            Generation generation = sequence.generation(now);
            finishedCount++;
            promptTokens += generation.promptTokens();
            cachedPromptTokens += generation.cachedPromptTokens();
            generations.add(generation);
        }
        inFlight.addAndGet(-finished.size());
        stats = snapshot(); // before listeners are called, so that the counters include every answer given
        for (int i = 0; i < generations.size(); i++) {
            Sequence sequence = finished.get(i);
            listeners.get(sequence).finished(generations.get(i));
            // After the call: if it throws, fail() tells this listener and the remaining ones.
            listeners.remove(sequence);
        }
    }

    private void forget(Sequence cancelled) {
        inFlight.decrementAndGet();
        listeners.remove(cancelled);
    }

    private void fail(RuntimeException cause) {
        failure = cause;
        for (Arrival next = arrivals.poll(); next != null; next = arrivals.poll()) {
            listeners.put(next.sequence(), next.listener());
        }
        for (Listener listener : listeners.values()) {
            try {
                listener.failed(cause);
            } catch (RuntimeException | Error e) { // an error of one listener must not hide the failure from the others
                if (e != cause) {
                    cause.addSuppressed(e);
                }
            }
        }
        listeners.clear();
        workers.close();
    }

    private EngineStats snapshot() {
        ExpertOps.Load experts = workers.expertLoad();
        return new EngineStats(
                scheduler.running(),
                scheduler.waiting() + arrivals.size(),
                finishedCount,
                scheduler.preemptions(),
                new Tokens(promptTokens, cachedPromptTokens, scheduler.sampledTokens()),
                new Steps(steps, stepNanos, workers.busyNanos(), workers.waitedNanos()),
                new Pages(pages.used(), pages.pages()),
                new Experts(experts.tokens(), experts.busiest()));
    }

    @Override
    public void close() {
        closed = true;
        try {
            loop.join(TimeUnit.SECONDS.toMillis(30));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
