package nighttrain.jobs.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.Forecast;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.executor.perf.StepTime;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.jobs.plan.Sample.Length;
import nighttrain.pipeline.row.RowKind.Branch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests forecasts of rows whose requests share a prompt. */
@Timeout(30)
class SampleTest {
    private static final int ROWS = 40;
    private static final int PROMPT = 200;
    private static final int CONTEXT = 512;

    /** Steps of 1,024 tokens that the prompts of 40 rows take. */
    private static final int STEPS = 9;

    private static final EnginePlan PLAN = new EnginePlan(Backend.CUDA, "", 1, 1, 32, 1024, CONTEXT, 16, 2000, true, 1);

    @Test
    void requestsOfARowComputeTheirPromptOnce() {
        Forecast forecast = forecast(sample(0, new Branch(0, 2), new Branch(0, 1), new Branch(30, -10)));
        // 200 and 170 tokens precede the requests' own tokens. If a step ends between them, only the 12 or 10 whole
        // pages of 16 tokens are found.
        assertThat(forecast.promptTokens()).isEqualTo(ROWS * (202 + 201 + 190));
        long shared = ROWS * (200 + 170);
        assertThat(forecast.cachedPromptTokens()).isBetween(shared - STEPS * 10, shared);
        assertThat(forecast.outputTokens()).as("a step each").isEqualTo(3 * ROWS);
    }

    @Test
    void whatRowsShareComesOnTop() {
        Forecast forecast = forecast(sample(64, Branch.PROMPT, new Branch(Integer.MAX_VALUE, 0)));
        assertThat(forecast.cachedPromptTokens())
                .as("no token of the second request is the first's")
                .isEqualTo((ROWS - 1) * 64);
    }

    @Test
    void aRowOfManyRequestsTakesLonger() {
        double one = Planner.forecastS(sample(0, Branch.PROMPT), PLAN, model(), H100);
        double five = Planner.forecastS(
                sample(0, Branch.PROMPT, new Branch(0, 2), new Branch(0, 2), new Branch(0, 2), new Branch(0, 2)),
                PLAN,
                model(),
                H100);
        assertThat(five / one).isBetween(1.05, 2.0);
    }

    private static Sample sample(int shared, Branch... branches) {
        return new Sample(ROWS, 0, List.of(new Length(PROMPT, 0)), shared, List.of(branches), "");
    }

    private static Forecast forecast(Sample sample) {
        return PLAN.forecast(new StepTime(model(), 1, H100), sample.requests(ROWS, CONTEXT));
    }

    private static final HardwareProfile H100 =
            new HardwareProfile("H100", 80L << 30, 2.98e12, 783e12, 1, 0.85, 40e-6, new AllReduceLatency(Map.of()), 2);

    private static ModelSpec model() {
        try (Checkpoint checkpoint =
                Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", "dense-8b"))) {
            return checkpoint.spec();
        }
    }
}
