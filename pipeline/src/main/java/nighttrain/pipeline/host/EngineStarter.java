package nighttrain.pipeline.host;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.Engines;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ReadAhead;
import nighttrain.pipeline.cluster.StageGpus;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.monitor.PeriodicTask;
import nighttrain.pipeline.progress.LengthsExpected;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.resource.ResourceInformation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The executor's half of the plugin: it opens the engine, installs the shutdown handlers and sends heartbeats. */
public final class EngineStarter implements ExecutorPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(EngineStarter.class);
    /** Spark's name of the executor in local mode, where the command itself handles signals. */
    static final String DRIVER = "driver";

    private static final Duration BEAT = Duration.ofMillis(500);

    /**
     * Limit of the wait for the expected lengths. A job samples its prompts seconds after Spark's start, or minutes after it if it lists
     * very many files.
     */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration LEAST_POLL = Duration.ofMillis(20);
    /** The pause between polls is the waited time divided by this: a driver may have a thousand executors that poll. */
    private static final int POLLS_PER_WAIT = 10;

    private PluginContext context;
    private PeriodicTask heart;

    @Override
    public void init(PluginContext plugin, Map<String, String> unused) {
        context = plugin;
        List<Integer> gpus = AssignedGpus.of(plugin.resources());
        LOG.info("GPUs of this executor: {}", gpus);
        EngineHost.here().use(gpus);
        if (!plugin.executorID().equals(DRIVER)) {
            GracefulShutdown.onSignals(plugin.conf());
        }
        SettingValues values =
                SettingValues.of(key -> Optional.ofNullable(plugin.conf().get(key, null)));
        if (values.isSet(Settings.MODEL)
                && (!gpus.isEmpty() || StageGpus.of(plugin.conf()).isEmpty())) {
            // The engine opens in parallel with Spark's start, since a model may take minutes to load. The job reports
            // its faults.
            Thread opener = new Thread(() -> open(values), "night-train-open");
            opener.setDaemon(true);
            opener.start();
        }
        heart = PeriodicTask.every(BEAT, "night-train-heartbeat", this::beat);
    }

    private void open(SettingValues values) {
        EngineKey key = EngineKey.of(values);
        try {
            boolean waits = awaitsLengths(values) && Engines.runsOnGpu(key.config());
            Lengths lengths = waits ? awaited(key) : Lengths.UNKNOWN;
            EngineHost.here()
                    .prepare(lengths.equals(Lengths.UNKNOWN) ? key : key.expecting(lengths), RealEngines::telling);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error failed) {
            LOG.warn("the engine did not open; the first task will try again", failed);
        }
    }

    /** Waits for the lengths that the job expects, and meanwhile reads the weights from disk. */
    private Lengths awaited(EngineKey key) throws InterruptedException {
        try (ReadAhead weights = key.dummyWeights() ? null : ReadAhead.of(Path.of(key.model()))) {
            return lengths(() -> context.ask(new LengthsExpected.Question()), PATIENCE);
        }
    }

    /**
     * Whether engines with these settings choose their batch size by the lengths of a job that is about to run. On CPUs no choice depends
     * on lengths.
     */
    static boolean awaitsLengths(SettingValues values) {
        return values.isSet(Settings.MODEL)
                && values.isSet(Settings.INPUT_PATH)
                && values.get(Settings.MAX_NUM_SEQS) == 0
                && values.get(Settings.BACKEND) != Backend.CPU;
    }

    /** Asks the driver until it knows the lengths that the job expects; {@link Lengths#UNKNOWN} if it does not know them in that time. */
    static Lengths lengths(Callable<Object> driver, Duration atMost) throws InterruptedException {
        long start = System.nanoTime();
        for (long waited = 0; waited < atMost.toNanos(); waited = System.nanoTime() - start) {
            try {
                if (driver.call() instanceof LengthsExpected known) {
                    return known.lengths();
                }
            } catch (InterruptedException stopped) {
                throw stopped;
            } catch (Exception unreachable) {
                LOG.debug("the driver did not say what to expect", unreachable);
                return Lengths.UNKNOWN;
            }
            TimeUnit.NANOSECONDS.sleep(Math.max(LEAST_POLL.toNanos(), waited / POLLS_PER_WAIT));
        }
        return Lengths.UNKNOWN;
    }

    private void beat() {
        try {
            for (RunOnExecutor run : EngineHost.here().runs()) {
                context.send(run.heartbeat());
            }
        } catch (IOException missed) {
            LOG.debug("a heartbeat was not sent", missed);
        }
    }

    @Override
    public void shutdown() {
        heart.close();
        EngineHost.here().close();
    }

    /** The GPUs that Spark assigned to this executor, by the addresses that the discovery script printed. */
    static final class AssignedGpus {
        private AssignedGpus() {}

        /** Returns the numbers of the GPUs. In local mode Spark assigns none, and the engine uses all that it sees. */
        static List<Integer> of(Map<String, ResourceInformation> resources) {
            ResourceInformation gpus = resources.get("gpu");
            return gpus == null
                    ? List.of()
                    : Stream.of(gpus.addresses()).map(AssignedGpus::number).toList();
        }

        private static int number(String address) {
            try {
                return Integer.parseInt(address.strip());
            } catch (NumberFormatException e) {
                throw UserError.of(
                        "bad address of a GPU",
                        address,
                        "a number, as nvidia-smi counts them; use conf/discover-gpus.sh as discovery script");
            }
        }
    }
}
