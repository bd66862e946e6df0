package nighttrain.pipeline.host;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineException;
import nighttrain.io.spec.ModelSpec;

/**
 * The one engine of this executor, shared by all its tasks. The only global of Night Train: Spark gives tasks no other way to
 * find what lives as long as their executor.
 */
public final class EngineHost {
    private static final EngineHost HERE = new EngineHost();
    private static final Duration CHANGE_TIMEOUT = Duration.ofMinutes(5);

    private List<Integer> gpus = List.of();
    private HostedModel model;
    private final Map<String, RunOnExecutor> runs = new HashMap<>();
    private int leases;
    private boolean alone;
    private boolean failed;
    private volatile boolean leaving;
    private volatile boolean overdue;

    private EngineHost() {}

    /** That of this process. */
    public static EngineHost here() {
        return HERE;
    }

    /**
     * Lends the engine to a task, which closes the lease when it ends. Opens the engine if it is not open, and again after it
     * failed; an engine of another model is closed first, once its tasks have ended.
     */
    public Lease lease(RunContext context) throws InterruptedException {
        return lease(context, false);
    }

    /** As {@link #lease}, and no other task has a lease meanwhile: those that are there are waited for, later ones wait. */
    public Lease leaseAlone(RunContext context) throws InterruptedException {
        return lease(context, true);
    }

    private synchronized Lease lease(RunContext context, boolean withoutCompany) throws InterruptedException {
        do {
            while (alone || (withoutCompany && leases > 0)) {
                wait();
            }
            provide(context.engine(), context.engines());
        } while (alone); // it may have waited, too
        RunOnExecutor run = runs.get(context.runId());
        if (run == null) {
            runs.values().removeIf(RunOnExecutor::isIdle);
            run = new RunOnExecutor(context, model.engine());
            runs.put(context.runId(), run);
        }
        run.enter(model.engine());
        leases++;
        alone = withoutCompany;
        return new Lease(model, run);
    }

    /** Which GPUs are this executor's; none: all that it sees. */
    synchronized void use(List<Integer> assigned) {
        gpus = List.copyOf(assigned);
    }

    /** The same on this executor's GPUs. */
    public synchronized EngineConfig here(EngineConfig asked) {
        return asked.with(asked.gpu().on(gpus));
    }

    /** This executor will end soon: tasks take up no more rows, finish those that they have, and go elsewhere. */
    void leave() {
        leaving = true;
    }

    /** Whether this executor was told to end. */
    public boolean isLeaving() {
        return leaving;
    }

    /** It ends now: tasks give back the rows that they still have, so that its end is not held against these. */
    void giveBack() {
        overdue = true;
    }

    /** Whether there is no time left to finish what was taken up. */
    public boolean isOverdue() {
        return overdue;
    }

    /** Waits, for so long at most, until no task is at work here. */
    synchronized void awaitIdle(Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        for (long left = atMost.toMillis(); leases > 0 && left > 0; left = (deadline - System.nanoTime()) / 1_000_000) {
            wait(left);
        }
    }

    /** Opens an engine before the first task asks for it. */
    synchronized void prepare(EngineKey key, EngineFactory engines) throws InterruptedException {
        provide(key, engines);
    }

    /**
     * Checks that an engine can be opened here. One that is open already has shown it, and holds the memory that a second look would
     * miss; an idle one of another model is closed, since the next lease would close it anyway.
     *
     * @throws nighttrain.io.UserError for what cannot work
     */
    synchronized void check(EngineKey key, EngineFactory engines, ModelSpec config) {
        boolean open = model != null && !failed && model.key().equals(key);
        if (open || leases > 0) {
            return;
        }
        closeModel();
        engines.plan(key.config(), config);
    }

    /** Counters of the runs at work here, and of the last one. */
    synchronized List<RunOnExecutor> runs() {
        return List.copyOf(runs.values());
    }

    /** Closes the engine when its last task has ended; later tasks would open it again. */
    synchronized void close() {
        failed = true;
        // The next application of this process has not done what they did.
        runs.values().removeIf(RunOnExecutor::isIdle);
        if (leases == 0) {
            closeModel();
        }
    }

    private void provide(EngineKey key, EngineFactory engines) throws InterruptedException {
        long deadline = System.nanoTime() + CHANGE_TIMEOUT.toNanos();
        while (model != null && (failed || !model.key().equals(key)) && leases > 0) {
            long leftMs = (deadline - System.nanoTime()) / 1_000_000;
            if (leftMs <= 0) {
                throw new EngineException(
                        "another model is at work on this executor: "
                                + model.key().model(),
                        null);
            }
            wait(leftMs);
        }
        if (model != null && (failed || !model.key().equals(key))) {
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
        alone = false;
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

        /** Tells that the engine failed: the next lease opens it again. */
        public void engineFailed() {
            fail(leased);
        }

        @Override
        public void close() {
            end(this);
        }
    }
}
