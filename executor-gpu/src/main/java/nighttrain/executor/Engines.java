package nighttrain.executor;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.CudaOptions;
import nighttrain.executor.device.cuda.GpuReadings;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.Roofline;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.executor.run.RankGroup;
import nighttrain.executor.run.Replica;
import nighttrain.executor.schedule.Scheduler;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;

/** Plans and opens engines: chooses their backend and layout. */
public final class Engines {
    /** Waiting requests per running request: enough that a step never lacks one while a submitter writes its journal. */
    private static final int QUEUED_PER_RUNNING = 1;

    /** Scores in a step: few, since each takes a row of logits as wide as the vocabulary. */
    private static final int SCORED_PER_STEP = 64;

    private Engines() {}

    /**
     * Refuses a configuration that cannot work on any machine, before anything is opened or written.
     *
     * @throws UserError naming the setting, its limit and the way out
     */
    public static void check(EngineConfig config, ModelSpec model) {
        if (config.backend() == Backend.CUDA) {
            checkGpus(model);
        }
        checkSizes(config, model);
    }

    /**
     * Refuses options that have no effect on any of these models.
     *
     * @throws UserError naming the option
     */
    public static void checkUses(EngineConfig config, List<ModelSpec> models) {
        boolean recurrent = models.stream().anyMatch(model -> model.stateElementsPerSequence() > 0);
        boolean attends = models.stream().anyMatch(model -> model.kvElementsPerToken() > 0);
        refuseUseless("state-dtype", "bf16", config.states() == StateFormat.BF16 && !recurrent, "recurrent");
        KvFormat.Choice kv = config.kv().format();
        boolean bytes = kv == KvFormat.Choice.FP8 || kv == KvFormat.Choice.INT8;
        refuseUseless("kv-cache-dtype", kv.name().toLowerCase(Locale.ROOT), bytes && !attends, "attention");
        refuseUseless("kv-pages", config.kv().pages(), config.kv().pages() > 0 && !attends, "attention");
    }

    private static void refuseUseless(String option, Object value, boolean useless, String layers) {
        if (useless) {
            throw UserError.of(
                    "bad value of --" + option,
                    value,
                    "it is for " + layers + " layers, of which there are none; leave it out");
        }
    }

    /** Returns the first kind of part that GPUs cannot compute yet; none if they can run the model. */
    public static Optional<String> missingOnGpus(ModelSpec model) {
        return ModelBlocks.missingOnGpus(model);
    }

    private static void checkGpus(ModelSpec model) {
        missingOnGpus(model).ifPresent(missing -> {
            throw UserError.of(
                    "model cannot run on GPUs",
                    model.modelType(),
                    "GPUs compute no " + missing + " yet; use --backend cpu or choose another model");
        });
    }

    private static void checkSizes(EngineConfig config, ModelSpec model) {
        ModelBlocks.checkRanks(model, Math.max(1, config.layout().ranks()));
        int maxModelLen = maxModelLen(config, model);
        int needed = PagedKv.pagesFor(maxModelLen, config.kv().pageTokens());
        if (config.kv().pages() > 0 && config.kv().pages() < needed) {
            throw UserError.of(
                    "bad value of --kv-pages",
                    config.kv().pages(),
                    "one sequence of " + maxModelLen + " tokens needs " + needed
                            + "; raise it or lower --max-model-len");
        }
    }

    /**
     * Plans {@code config} for this model on this machine.
     *
     * @throws UserError if no plan satisfies {@code config}
     */
    public static EnginePlan plan(EngineConfig config, ModelSpec model) {
        check(config, model);
        int maxModelLen = maxModelLen(config, model);
        if (!runsOnGpu(config)) {
            return EnginePlanning.onCpu(config, config.inFormats(model), maxModelLen);
        }
        checkGpus(model);
        return EnginePlanning.onGpus(config, config.inFormats(model), maxModelLen, SCORED_PER_STEP);
    }

    /**
     * Plans {@code config} on GPUs that this machine need not have, with all of their memory free. Also plans models that GPUs cannot compute yet.
     *
     * @throws UserError if no plan satisfies {@code config}
     */
    public static EnginePlan planOn(HardwareProfile hardware, int gpus, EngineConfig config, ModelSpec model) {
        checkSizes(config, model);
        EnginePlanning.Room room = new EnginePlanning.Room(gpus, budgetBytes(hardware, config));
        return EnginePlanning.onGpus(
                config, config.inFormats(model), maxModelLen(config, model), SCORED_PER_STEP, room);
    }

    /** Returns the memory that one of {@code ranks} ranks takes of a GPU that this machine need not have. */
    public static GpuMemory memoryOn(HardwareProfile hardware, int ranks, EngineConfig config, ModelSpec model) {
        return EnginePlanning.memory(
                config, config.inFormats(model), ranks, SCORED_PER_STEP, budgetBytes(hardware, config));
    }

    private static long budgetBytes(HardwareProfile hardware, EngineConfig config) {
        return (long) (hardware.memoryBytes() * config.gpu().memoryUtilization());
    }

    /**
     * Returns the most sequences that an engine will run at a time, as far as known before one is open.
     *
     * @param onGpus whether the engine will run on GPUs
     */
    public static int mostSequences(EngineConfig config, boolean onGpus) {
        return config.steps().maxNumSeqs() > 0
                ? config.steps().maxNumSeqs()
                : onGpus ? EnginePlanning.MOST_SEQUENCES : EnginePlanning.LEAST_SEQUENCES;
    }

    /** Returns whether an engine on this machine runs on GPUs. */
    public static boolean runsOnGpu(EngineConfig config) {
        if (config.backend() == Backend.CUDA) {
            CudaDevices.require();
            return true;
        }
        return config.backend() == Backend.AUTO && CudaDevices.available();
    }

    /**
     * Returns the longest prompt plus output, in tokens, that an engine takes, on any machine.
     *
     * @throws UserError if {@code config} asks for more positions than the model was trained for
     */
    public static int maxModelLen(EngineConfig config, ModelSpec model) {
        if (config.steps().maxModelLen() > model.maxPositions()) {
            throw UserError.of(
                    "bad value of --max-model-len",
                    config.steps().maxModelLen(),
                    "the model was trained for " + model.maxPositions() + " positions; lower it or leave it out");
        }
        return config.steps().maxModelLen() > 0 ? config.steps().maxModelLen() : model.maxPositions();
    }

    /** Returns the roofline of the devices of {@code plan}, measured on the first; none for CPUs. Call it before {@link #open}. */
    public static Optional<Roofline> roofline(EngineConfig config, EnginePlan plan, ModelSpec model) {
        return plan.backend() == Backend.CUDA
                ? Optional.of(new Roofline(
                        config.inFormats(model),
                        plan.ranks(),
                        CudaDevices.peakRates(
                                EnginePlanning.gpusOf(0, config, plan).get(0))))
                : Optional.empty();
    }

    /** Returns the profile of the devices of {@code plan}, measured on the first; takes seconds. Call it before {@link #open}. */
    public static HardwareProfile measured(EngineConfig config, EnginePlan plan) {
        if (plan.backend() == Backend.CPU) {
            return HardwareProfile.ofCpu(CpuDevice.peakRates(plan.threadsPerRank()));
        }
        int gpu = EnginePlanning.gpusOf(0, config, plan).get(0);
        return HardwareProfile.ofGpu(
                CudaDevices.names(), CudaDevices.memory(gpu).totalBytes(), CudaDevices.peakRates(gpu));
    }

    /** Describes the hardware that an engine runs on: {@code Linux amd64, 16 processors, 4 x NVIDIA H200}. */
    public static String machine(EngineConfig config) {
        String host = System.getProperty("os.name") + " " + System.getProperty("os.arch") + ", "
                + Runtime.getRuntime().availableProcessors() + " processors";
        return runsOnGpu(config) ? host + ", " + CudaDevices.names() : host;
    }

    /** Opens an engine; the checkpoint may be closed once this returns. */
    public static Engine open(EngineConfig config, Checkpoint checkpoint) {
        return open(config, checkpoint, () -> {});
    }

    /** As {@link #open(EngineConfig, Checkpoint)}; runs {@code planned} when the plan is made and only the weights remain to be loaded. */
    public static Engine open(EngineConfig config, Checkpoint checkpoint, Runnable planned) {
        EnginePlan plan = plan(config, checkpoint.spec());
        planned.run();
        List<Replica> replicas = new ArrayList<>();
        try {
            for (int i = 0; i < plan.replicas(); i++) {
                replicas.add(replica(i, config, plan, checkpoint));
            }
        } catch (RuntimeException | Error e) {
            replicas.forEach(Replica::close);
            throw e;
        }
        return new ReplicatedEngine(
                plan,
                new RequestCheck(
                        checkpoint.spec().vocabSize(),
                        plan.maxModelLen(),
                        // A token with more scores is computed again, which would change the state of a layer.
                        plan.cache().hasStates() ? SCORED_PER_STEP : Integer.MAX_VALUE),
                replicas,
                readings(config, plan));
    }

    private static Supplier<List<DeviceReading>> readings(EngineConfig config, EnginePlan plan) {
        return plan.backend() == Backend.CUDA ? GpuReadings.of(EnginePlanning.gpusOf(config, plan))::read : List::of;
    }

    private static Replica replica(int number, EngineConfig config, EnginePlan plan, Checkpoint checkpoint) {
        String name = "nighttrain-replica-" + number;
        StepLimits limits =
                new StepLimits(plan.maxNumSeqs(), plan.maxBatchTokens(), SCORED_PER_STEP, plan.maxModelLen());
        CacheLayout layout = plan.cache();
        List<Device> devices = plan.backend() == Backend.CUDA
                ? CudaDevices.ranks(
                        EnginePlanning.gpusOf(number, config, plan),
                        limits,
                        layout,
                        new CudaOptions(
                                config.gpu().skipAllReduce(), config.gpu().deterministic()))
                : CpuDevice.ranks(
                        plan.ranks(), plan.threadsPerRank(), config.gpu().skipAllReduce());
        RankGroup workers =
                RankGroup.load(name, checkpoint.with(config.inFormats(checkpoint.spec())), devices, limits, layout);
        PageAllocator pages = new PageAllocator(layout, plan.prefixCache());
        Scheduler scheduler = new Scheduler(limits, pages, config.lengths().outputTokens());
        return new Replica(name, scheduler, pages, workers, plan.maxNumSeqs() * (1 + QUEUED_PER_RUNNING));
    }
}
