package nighttrain.pipeline.host;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.EngineConfig;
import nighttrain.io.spec.ModelSpec;
import nighttrain.pipeline.host.EngineFactory.EngineKey;

/**
 * Holds the engine of this executor, which all its tasks share. It is the only global of Night Train: Spark gives tasks no other way to
 * find an object that lives as long as their executor.
 */
public final class EngineHost {
    private static final EngineHost HERE = new EngineHost();
    private static final Duration CHANGE_TIMEOUT = Duration.ofMinutes(5);

    private List<Integer> gpus = List.of();
    private HostedModel model;
    private Refusal refusal;
    private final Map<String, RunOnExecutor> runs = new HashMap<>();
    private int leases;
    private boolean lentExclusively;
    private boolean failed;
    private volatile Preparation preparation;
    private volatile boolean leaving;
    private volatile boolean overdue;

    private EngineHost() {}

    /** The host of this process. */
    public static EngineHost here() {
        return HERE;
    }

    /**
     * Lends the engine to a task, which closes the lease when it ends. Opens the engine if it is not open or if it failed. An engine of
     * another model is closed first, when its tasks have ended. Where an opening fails, it fails for all tasks that wait for it: each retry
     * of Spark's then costs one opening, which may take a minute, not one for each task slot.
     */
    public Lease lease(RunContext context) throws InterruptedException {
        return lease(context, false, System.nanoTime());
    }

    /** As {@link #lease}, but exclusively: this call waits for earlier leases to end, and later calls wait for this lease to end. */
    public Lease leaseExclusively(RunContext context) throws InterruptedException {
        return lease(context, true, System.nanoTime());
    }

    private synchronized Lease lease(RunContext context, boolean exclusively, long askedNanos)
            throws InterruptedException {
        do {
            while (lentExclusively || (exclusively && leases > 0)) {
                wait();
            }
            if (refusal != null && refusal.answers(context.engine(), askedNanos)) {
                throw refusal.reason;
            }
            try {
                provide(context.engine(), context.engines());
            } catch (RuntimeException failed) {
                // Where the task was killed, the engine is not at fault.
                refusal = Thread.currentThread().isInterrupted()
                        ? null
                        : new Refusal(context.engine(), failed, System.nanoTime());
                throw failed;
            }
        } while (lentExclusively); // provide may have waited, too
        RunOnExecutor run = runs.get(context.runId());
        if (run == null) {
            runs.values().removeIf(RunOnExecutor::isIdle);
            run = new RunOnExecutor(context, model.engine());
            runs.put(context.runId(), run);
        }
        run.enter(model.engine());
        leases++;
        lentExclusively = exclusively;
        return new Lease(model, run);
    }

    /** An engine that could not be provided, and when that was found. */
    private record Refusal(EngineKey key, RuntimeException reason, long atNanos) {
        boolean answers(EngineKey asked, long askedNanos) {
            return key.serves(asked) && atNanos - askedNanos > 0;
        }
    }

    /** Sets this executor's GPUs; none: all that the process sees. */
    synchronized void use(List<Integer> assigned) {
        gpus = List.copyOf(assigned);
    }

    /** Returns the configuration with this executor's GPUs. */
    public synchronized EngineConfig here(EngineConfig asked) {
        return asked.with(asked.gpu().on(gpus));
    }

    /** Announces that this executor will end soon: tasks take no more rows, finish those in flight, and are restarted elsewhere. */
    void leave() {
        leaving = true;
    }

    /** Whether this executor was told to end. */
    public boolean isLeaving() {
        return leaving;
    }

    /** Announces that this executor ends now: tasks release their rows in flight, so that these do not count as crashed. */
    void release() {
        overdue = true;
    }

    /** Whether no time is left to finish rows in flight. */
    public boolean isOverdue() {
        return overdue;
    }

    /** Waits at most this long until no task has a lease. */
    synchronized void awaitIdle(Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        for (long left = atMost.toMillis(); leases > 0 && left > 0; left = (deadline - System.nanoTime()) / 1_000_000) {
            wait(left);
        }
    }

    /**
     * Opens an engine before the first task asks for it. {@code engines} makes a factory from a callback for when the engine is planned.
     */
    void prepare(EngineKey key, Function<Runnable, EngineFactory> engines) throws InterruptedException {
        Preparation mine = new Preparation(key, new CompletableFuture<>());
        preparation = mine;
        try {
            synchronized (this) {
                provide(key, engines.apply(() -> mine.planned().complete(true)));
            }
        } finally {
            preparation = null;
            mine.planned().complete(false);
        }
    }

    /**
     * An engine that opens before a task asks for it.
     *
     * @param key the engine's key
     * @param planned completes with whether the engine could be planned
     */
    private record Preparation(EngineKey key, CompletableFuture<Boolean> planned) {
        boolean proves(EngineKey other) {
            return key.serves(other) && planned.join();
        }
    }

    /**
     * Checks that an engine can be opened here. An open engine of this key proves it, and holds the memory that the check would need. An
     * engine that is opening proves it once it is planned, so that a job reads its input while weights are loaded. An idle engine of
     * another model is closed, as the next lease would close it anyway.
     *
     * @throws nighttrain.io.UserError if it cannot be opened
     */
    public void check(EngineKey key, EngineFactory engines, ModelSpec config) {
        Preparation opening = preparation;
        if (opening == null || !opening.proves(key)) {
            checkHere(key, engines, config);
        }
    }

    private synchronized void checkHere(EngineKey key, EngineFactory engines, ModelSpec config) {
        boolean open = model != null && !failed && model.key().serves(key);
        if (open || leases > 0) {
            return;
        }
        closeModel();
        engines.plan(key.config(), config);
    }

    /** Counters of the current runs and of the last one. */
    synchronized List<RunOnExecutor> runs() {
        return List.copyOf(runs.values());
    }

    /** Closes the engine when its last task has ended. Later tasks open it again. */
    synchronized void close() {
        failed = true;
        // The next application in this process starts with new counters.
        runs.values().removeIf(RunOnExecutor::isIdle);
        if (leases == 0) {
            closeModel();
        }
    }

    private void provide(EngineKey key, EngineFactory engines) throws InterruptedException {
        long deadline = System.nanoTime() + CHANGE_TIMEOUT.toNanos();
        while (model != null && (failed || !model.key().serves(key)) && leases > 0) {
            long leftMs = (deadline - System.nanoTime()) / 1_000_000;
            if (leftMs <= 0) {
                throw new EngineException(
                        "another model is at work on this executor: "
                                + model.key().model(),
                        null);
            }
            wait(leftMs);
        }
        if (model != null && (failed || !model.key().serves(key))) {
            closeModel();
        }
        if (model == null) {
            model = HostedModel.open(key, gpus, engines);
            failed = false;
        }
    }

    private void closeModel() {
        if (model != null) {
            HostedModel old = model;
            model = null;
            old.close();
        }
    }

    private synchronized void end(Lease lease) {
        lease.run.leave();
        leases--;
        lentExclusively = false;
        if (leases == 0 && failed) {
            closeModel();
        }
        notifyAll();
    }

    private synchronized void fail(HostedModel broken) {
        if (model == broken) {
            failed = true;
        }
    }

    /** A task's share of the engine. */
    public final class Lease implements AutoCloseable {
        private final HostedModel leased;
        private final RunOnExecutor run;

        private Lease(HostedModel leased, RunOnExecutor run) {
            this.leased = leased;
            this.run = run;
        }

        public HostedModel model() {
            return leased;
        }

        /** Counts what this run does on this executor. */
        public RunOnExecutor run() {
            return run;
        }

        /** Reports that the engine failed: the next lease opens it again. */
        public void engineFailed() {
            fail(leased);
        }

        @Override
        public void close() {
            end(this);
        }
    }
}
