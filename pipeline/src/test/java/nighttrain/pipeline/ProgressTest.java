package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.monitor.ProgressListener.Progress;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.TinyModel;
import org.junit.jupiter.api.Test;

class ProgressTest extends JobTest {
    @Test
    void rowsAreToldWhileTasksRun() {
        input(1, prompts(60));
        List<Progress> told = new CopyOnWriteArrayList<>();
        script().onAnswer(20, () -> await("rows are told", () -> told.stream().anyMatch(now -> now.rowsDone() > 0)));
        script().onAnswer(
                        40,
                        () -> await("their pace is told", () -> told.stream().anyMatch(ProgressTest::hasAPace)));
        new GenerateJob(engines).run(spark, GenerateOptions.of(values), told::add);
        assertThat(told).extracting(Progress::rowsDone).isSorted();
        assertThat(told).allMatch(progress -> progress.rowsTotal() == 60);
        assertThat(told)
                .as("heartbeats come before any task ends")
                .anyMatch(progress -> progress.rowsDone() < 60 && hasAPace(progress));
        assertThat(told.get(told.size() - 1).rowsDone()).isEqualTo(60);
    }

    private static boolean hasAPace(Progress progress) {
        return progress.rowsDone() > 0
                && progress.tokensPerSecond() > 0
                && progress.eta().isPresent();
    }

    /** Layers with a state give no warning: prefixes are reused as in any model. */
    @Test
    void aModelWithStatesWarnsOfNothing() {
        TinyModel.ofStates(dir.resolve("model"));
        input(1, prompts(2));
        assertThat(warnings()).isEmpty();
        assertThat(results()).hasSize(2);
    }

    /** A chat template that no prompt uses only gives a warning, since it may be in a settings file that jobs share. */
    @Test
    void aChatTemplateThatNoPromptGoesThroughIsToldOf() {
        input(1, prompts(2));
        values = values.with(Settings.CHAT_TEMPLATE_ARGS, "{\"enable_thinking\": false}");
        assertThat(warnings())
                .singleElement()
                .asString()
                .startsWith("warning: chat template not used: --chat-template or --chat-template-args (");
        assertThat(results()).hasSize(2);
        values = values.with(Settings.SYSTEM, "Be brief.").with(Settings.OUTPUT_PATH, dir + "/chats");
        assertThat(warnings()).isEmpty();
    }

    private List<String> warnings() {
        List<String> told = new ArrayList<>();
        new GenerateJob(engines).run(spark, options(), new ProgressListener() {
            @Override
            public void at(Progress progress) {}

            @Override
            public void warns(String what) {
                told.add(what);
            }
        });
        return told;
    }

    @Test
    void memoryIsBoundedByWhatTheEngineTakes() {
        input(1, prompts(200));
        script().capacity.set(5);
        run();
        assertThat(script().mostInFlight).hasValue(5);
        assertThat(script().openSessions).hasValue(0);
    }
}
