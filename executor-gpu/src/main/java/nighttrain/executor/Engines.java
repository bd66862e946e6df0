package nighttrain.executor;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.kv.KvLayout;
import nighttrain.executor.kv.PageAllocator;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.run.Replica;
import nighttrain.executor.run.WorkerGroup;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.schedule.StepBudget;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/** The one place that chooses an engine's backend and layout. */
public final class Engines {
    /** Share of the heap that the KV caches of all replicas may take on a CPU; the rest is for weights and the job around. */
    private static final double CPU_KV_SHARE = 0.25;

    /** Requests that wait per request that runs: enough that a step never lacks one while a submitter journals. */
    private static final int QUEUED_PER_RUNNING = 1;

    /** Tokens in a step on a CPU, which gains nothing from longer ones. */
    private static final int CPU_BATCH_TOKENS = 1024;

    /** Prompt tokens scored in a step: few, since each takes a row of logits as wide as the vocabulary. */
    private static final int SCORED_PER_STEP = 64;

    private Engines() {}

    /**
     * Refuses what cannot work on any machine, so that a driver can tell before anything is opened or written.
     *
     * @throws UserError naming the setting, its limit and the way out
     */
    public static void check(EngineConfig config, ModelConfig model) {
        if (config.backend() == Backend.CUDA) {
            throw UserError.of(
                    "backend not available", "cuda", "this build runs on the CPU; use --backend auto or cpu");
        }
        Architecture.of(model).checkRanks(model, Math.max(1, config.ranks()));
        int maxModelLen = maxModelLen(config, model);
        int needed = KvLayout.pagesFor(maxModelLen, config.pageTokens());
        if (config.kvPages() > 0 && config.kvPages() < needed) {
            throw UserError.of(
                    "bad value of --kv-pages",
                    config.kvPages(),
                    "one sequence of " + maxModelLen + " tokens needs " + needed
                            + "; raise it or lower --max-model-len");
        }
    }

    /**
     * What {@code config} comes to for this model on this machine.
     *
     * @throws UserError where it cannot be had
     */
    public static EnginePlan plan(EngineConfig config, ModelConfig model) {
        check(config, model);
        int replicas = Math.max(1, config.replicas());
        int ranks = Math.max(1, config.ranks());
        int maxModelLen = maxModelLen(config, model);
        long kvBytes = (long) (Runtime.getRuntime().maxMemory() * CPU_KV_SHARE) / replicas;
        KvLayout kv = config.kvPages() > 0
                ? new KvLayout(config.pageTokens(), config.kvPages())
                : KvLayout.fitting(model, config.pageTokens(), kvBytes, Float.BYTES, config.maxNumSeqs(), maxModelLen);
        int threads =
                config.threads() > 0 ? config.threads() : Runtime.getRuntime().availableProcessors();
        return new EnginePlan(
                Backend.CPU,
                Architecture.of(model).label(),
                replicas,
                ranks,
                config.maxNumSeqs(),
                maxBatchTokens(config),
                maxModelLen,
                kv.pageTokens(),
                kv.pages(),
                config.prefixCache(),
                Math.max(1, threads / (replicas * ranks)));
    }

    private static int maxBatchTokens(EngineConfig config) {
        return config.maxBatchTokens() > 0 ? config.maxBatchTokens() : Math.max(CPU_BATCH_TOKENS, config.maxNumSeqs());
    }

    private static int maxModelLen(EngineConfig config, ModelConfig model) {
        if (config.maxModelLen() > model.maxPositions()) {
            throw UserError.of(
                    "bad value of --max-model-len",
                    config.maxModelLen(),
                    "the model was trained for " + model.maxPositions() + " positions; lower it or leave it out");
        }
        return config.maxModelLen() > 0 ? config.maxModelLen() : model.maxPositions();
    }

    /** Opens an engine; the checkpoint may be closed once this returns. */
    public static Engine open(EngineConfig config, Checkpoint checkpoint) {
        EnginePlan plan = plan(config, checkpoint.config());
        List<Replica> replicas = new ArrayList<>();
        try {
            for (int i = 0; i < plan.replicas(); i++) {
                replicas.add(replica("nighttrain-replica-" + i, plan, checkpoint));
            }
        } catch (RuntimeException | Error e) {
            replicas.forEach(Replica::close);
            throw e;
        }
        return new ReplicatedEngine(
                plan, new RequestCheck(checkpoint.config().vocabSize(), plan.maxModelLen()), replicas);
    }

    private static Replica replica(String name, EnginePlan plan, Checkpoint checkpoint) {
        WorkerGroup workers = WorkerGroup.load(
                name,
                checkpoint,
                CpuDevice.ranks(plan.ranks(), plan.threadsPerRank()),
                new Decoder.Limits(
                        plan.maxBatchTokens(),
                        plan.maxNumSeqs() + SCORED_PER_STEP,
                        plan.maxModelLen(),
                        plan.kvPages(),
                        plan.pageTokens()));
        PageAllocator pages = new PageAllocator(new KvLayout(plan.pageTokens(), plan.kvPages()), plan.prefixCache());
        Scheduler scheduler = new Scheduler(
                new StepBudget(plan.maxNumSeqs(), plan.maxBatchTokens(), SCORED_PER_STEP, plan.maxModelLen()), pages);
        return new Replica(name, scheduler, pages, workers, plan.maxNumSeqs() * (1 + QUEUED_PER_RUNNING));
    }
}
