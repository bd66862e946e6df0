package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import com.codahale.metrics.MetricRegistry;
import java.time.Duration;
import java.util.Map;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.pipeline.monitor.HeartbeatRelay;
import nighttrain.pipeline.progress.LengthsExpected;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;

class EngineStarterTest {
    private static final Duration SOON = Duration.ofMillis(100);
    private static final Duration LATE = Duration.ofSeconds(60);

    @Test
    void anEngineLearnsWhatTheJobExpects() throws InterruptedException {
        SparkContext spark = TestSpark.session().sparkContext();
        HeartbeatRelay relay = new HeartbeatRelay();
        relay.init(spark, null);
        Executor executor = new Executor(relay);
        assertThat(EngineStarter.lengths(executor, SOON)).as("no job yet").isEqualTo(Lengths.UNKNOWN);
        assertThat(executor.asked).as("it asks again").isGreaterThan(1);

        spark.listenerBus().post(new LengthsExpected(new Lengths(20, 128)));
        assertThat(EngineStarter.lengths(executor, LATE)).isEqualTo(new Lengths(20, 128));
    }

    @Test
    void aDriverThatIsGoneKeepsNobodyWaiting() throws InterruptedException {
        assertThat(EngineStarter.lengths(new Executor(null), LATE)).isEqualTo(Lengths.UNKNOWN);
    }

    @Test
    void onlyAChoiceThatIsOpenWaitsForAJob() {
        SettingValues job = SettingValues.none().with(Settings.MODEL, "model").with(Settings.INPUT_PATH, "input");
        assertThat(EngineStarter.awaitsLengths(job)).isTrue();
        assertThat(EngineStarter.awaitsLengths(job.with(Settings.MAX_NUM_SEQS, 64)))
                .as("the user's number")
                .isFalse();
        assertThat(EngineStarter.awaitsLengths(job.with(Settings.BACKEND, Backend.CPU)))
                .isFalse();
        assertThat(EngineStarter.awaitsLengths(SettingValues.none().with(Settings.MODEL, "model")))
                .as("a model that waits for queries")
                .isFalse();
    }

    /** Of a driver whose half of the plugin is {@code relay}; null: it is gone. */
    private static final class Executor implements PluginContext {
        private final HeartbeatRelay relay;
        private int asked;

        private Executor(HeartbeatRelay relay) {
            this.relay = relay;
        }

        @Override
        public Object ask(Object message) {
            asked++;
            if (relay == null) {
                throw new IllegalStateException("no driver");
            }
            return relay.receive(message);
        }

        @Override
        public void send(Object message) {
            throw new UnsupportedOperationException();
        }

        @Override
        public MetricRegistry metricRegistry() {
            throw new UnsupportedOperationException();
        }

        @Override
        public SparkConf conf() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String executorID() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String hostname() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Map<String, ResourceInformation> resources() {
            throw new UnsupportedOperationException();
        }
    }
}
