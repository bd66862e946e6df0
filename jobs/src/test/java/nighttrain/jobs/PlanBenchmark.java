package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Plans the demo's 500 prompts for this machine's processors, then runs them, each in a process of its own. */
@Tag("benchmark")
class PlanBenchmark {
    private static final Duration MOST = Duration.ofMinutes(5);

    @TempDir
    Path folder;

    @RepeatedTest(3)
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void beforeAndAfter() throws Exception {
        String plan = folder.resolve("plan.json").toString();
        String output = folder.resolve("run").toString();
        run("plan", "--json", plan);
        run("generate", "--plan", plan, "--output", output);
        JsonNode summary =
                new ObjectMapper().readTree(folder.resolve("run/summary.json").toFile());
        System.out.printf(
                "predicted over actual: %.2f of output tokens/s, %.2f of wall time, %.2f of output tokens%n%s%n",
                summary.at("/plan/output_tokens_per_s/ratio").asDouble(),
                summary.at("/plan/wall_s/ratio").asDouble(),
                summary.at("/plan/output_tokens/ratio").asDouble(),
                summary.get("plan"));
    }

    private void run(String command, String... options) throws Exception {
        String[] all = new String[options.length + 5];
        all[0] = command;
        all[1] = "--model";
        all[2] = Project.DEMO_MODEL.toString();
        all[3] = "--input";
        all[4] = Project.DEMO_PROMPTS.toString();
        System.arraycopy(options, 0, all, 5, options.length);
        try (CommandProcess process = CommandProcess.nighttrain(folder, Map.of(), all)) {
            if (process.await(MOST) != 0) {
                throw new IllegalStateException(process.messages());
            }
        }
    }
}
