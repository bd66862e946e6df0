package nighttrain.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.TinyModel;
import nighttrain.jobs.compare.Compare.Listener;
import nighttrain.jobs.compare.Compare.RoundJournal;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.Comparison.Choice;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A stop interrupts the measuring thread at any moment; no cell fails by that, and no round is lost. */
class CompareStopTest {
    @TempDir
    Path folder;

    /** Moments of the interrupt. */
    enum Moment {
        BEFORE_AN_ENGINE_IS_OPENED(0),
        BEFORE_A_ROUND_IS_WRITTEN_DOWN(1);

        final int rounds;

        Moment(int rounds) {
            this.rounds = rounds;
        }
    }

    @ParameterizedTest
    @EnumSource
    void breaksNothing(Moment moment) throws IOException {
        JobFolder output = JobFolder.of(folder.resolve("out").toString(), new Configuration());
        Told told = new Told();
        Compare compare = new Compare(comparison(), output, new Stopped(moment));

        assertThatThrownBy(() -> compare.run(Choice.everything(), false, told))
                .isInstanceOf(InterruptedException.class);

        assertThat(told.failures).isEmpty();
        assertThat(new RoundJournal(output).read()).hasSize(moment.rounds);
        assertThat(folder.resolve("out/report.html")).exists();
    }

    private Comparison comparison() throws IOException {
        TinyModel.in(folder.resolve("model"));
        JsonNode text = new ObjectMapper().readTree("""
                {"models": {"toy": "model"}, "layouts": ["1x1"],
                 "workloads": [{"numPrompts": 2, "inputLen": 8, "outputLen": 3}],
                 "settings": {"loadFormat": "dummy", "backend": "cpu", "threads": 1, "maxNumSeqs": 2, "repeat": 2}}
                """);
        return ComparisonFile.parse(folder.resolve("toy.yaml"), text, List.of());
    }

    private static final class Told implements Listener {
        private final List<String> failures = new ArrayList<>();

        @Override
        public void phase(String what) {}

        @Override
        public void measured(FinishedRound round, int done, int total) {}

        @Override
        public void failed(String what, String why) {
            failures.add(what + ": " + why);
        }
    }

    /** Measures in this process and interrupts its own thread at that moment. */
    private record Stopped(Moment moment) implements Site {
        @Override
        public String machine(EngineConfig config) {
            return new ThisProcess().machine(config);
        }

        @Override
        public void measure(Assignment assignment, Witness witness) throws InterruptedException {
            new ThisProcess().measure(assignment, new Witness() {
                @Override
                public void phase(String what) {
                    if (what.startsWith("opening")) {
                        stopAt(Moment.BEFORE_AN_ENGINE_IS_OPENED);
                    }
                    witness.phase(what);
                }

                @Override
                public void measured(FinishedRound round) {
                    stopAt(Moment.BEFORE_A_ROUND_IS_WRITTEN_DOWN);
                    witness.measured(round);
                }

                @Override
                public void failed(List<String> workloads, Failure failure) {
                    witness.failed(workloads, failure);
                }
            });
        }

        private void stopAt(Moment here) {
            if (moment == here) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
