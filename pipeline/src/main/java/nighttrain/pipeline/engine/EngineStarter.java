package nighttrain.pipeline.engine;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The executor's half of the plugin. */
final class EngineStarter implements ExecutorPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(EngineStarter.class);
    private static final long BEAT_MS = 500;

    private final ScheduledExecutorService clock = Executors.newScheduledThreadPool(2, task -> {
        Thread thread = new Thread(task, "night-train-plugin");
        thread.setDaemon(true);
        return thread;
    });
    private PluginContext context;

    @Override
    public void init(PluginContext plugin, Map<String, String> unused) {
        context = plugin;
        SettingValues values =
                SettingValues.of(key -> Optional.ofNullable(plugin.conf().get(key, null)));
        if (values.isSet(Settings.MODEL)) {
            // Beside what Spark does meanwhile: a model may take minutes to load, and its faults are told by the job.
            clock.execute(() -> open(EngineKey.of(values)));
        }
        clock.scheduleAtFixedRate(this::beat, BEAT_MS, BEAT_MS, TimeUnit.MILLISECONDS);
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
        } catch (IOException | RuntimeException missed) {
            LOG.debug("a heartbeat was not sent", missed);
        }
    }

    @Override
    public void shutdown() {
        clock.shutdownNow();
        EngineHost.here().close();
    }
}
