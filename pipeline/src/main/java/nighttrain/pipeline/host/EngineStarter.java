package nighttrain.pipeline.host;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.cluster.StageGpus;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.monitor.PeriodicTask;
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
    /** Spark's name of the executor in local mode. The command handles its signals. */
    static final String DRIVER = "driver";

    private static final Duration BEAT = Duration.ofMillis(500);

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
            // In parallel with Spark's start, since a model may take minutes to load. The job reports its faults.
            EngineKey key = EngineKey.of(values);
            Thread opener = new Thread(() -> open(key), "night-train-open");
            opener.setDaemon(true);
            opener.start();
        }
        heart = PeriodicTask.every(BEAT, "night-train-heartbeat", this::beat);
    }

    private void open(EngineKey key) {
        try {
            EngineHost.here().prepare(key, RealEngines::telling);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error failed) {
            LOG.warn("the engine did not open; the first task will try again", failed);
        }
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

        /** Their numbers. In local mode Spark assigns none, and the engine takes all that it sees. */
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
