package nighttrain.pipeline.host;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.pipeline.cluster.StageGpus;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.monitor.PeriodicTask;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The executor's half of the plugin. */
public final class EngineStarter implements ExecutorPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(EngineStarter.class);
    /** What Spark calls the executor in local mode, whose signals are its command's. */
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
            // Beside what Spark does meanwhile: a model may take minutes to load, and its faults are told by the job.
            EngineKey key = EngineKey.of(values);
            Thread opener = new Thread(() -> open(key), "night-train-open");
            opener.setDaemon(true);
            opener.start();
        }
        heart = PeriodicTask.every(BEAT, "night-train-heartbeat", this::beat);
    }

    private void open(EngineKey key) {
        try {
            EngineHost.here().prepare(key, new RealEngines());
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
}
