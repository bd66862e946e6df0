package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.pipeline.monitor.HeartbeatRelay;
import nighttrain.pipeline.progress.LengthsExpected;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.SparkContext;
import org.junit.jupiter.api.Test;

class EngineStarterTest {
    private static final Duration SOON = Duration.ofMillis(100);
    private static final Duration LATE = Duration.ofSeconds(60);

    @Test
    void anEngineLearnsWhatTheJobExpects() throws InterruptedException {
        SparkContext spark = TestSpark.session().sparkContext();
        HeartbeatRelay relay = new HeartbeatRelay();
        relay.init(spark, null);
        AtomicInteger asked = new AtomicInteger();
        Callable<Object> driver = () -> {
            asked.incrementAndGet();
            return relay.receive(new LengthsExpected.Question());
        };
        assertThat(EngineStarter.lengths(driver, SOON)).as("no job yet").isEqualTo(Lengths.UNKNOWN);
        assertThat(asked).as("it asks again").hasValueGreaterThan(1);

        spark.listenerBus().post(new LengthsExpected(new Lengths(20, 128)));
        assertThat(EngineStarter.lengths(driver, LATE)).isEqualTo(new Lengths(20, 128));
    }

    @Test
    void aDriverThatIsGoneKeepsNobodyWaiting() throws InterruptedException {
        Callable<Object> gone = () -> {
            throw new IllegalStateException("no driver");
        };
        assertThat(EngineStarter.lengths(gone, LATE)).isEqualTo(Lengths.UNKNOWN);
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
}
