package nighttrain.pipeline.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.io.table.Percentiles;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures the cost of the pipeline: output tokens/s of jobs over those of the bare engine on the same requests. Each runs in a process of its own,
 * since one process would hold the keys and values of two engines. The two take turns and alternate in who begins. The first round of each process is
 * left out, since its code is compiled in it. {@code -Doverhead.times=4}: each of the demo's 500 prompts four times, with its number before it;
 * {@code -Doverhead.heap=3g}.
 */
@Tag("benchmark")
class PipelineOverheadBenchmark {
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    private static final String TIMES = System.getProperty("overhead.times", "1");
    private static final String HEAP = System.getProperty("overhead.heap", "3g");
    private static final int TURNS = 3;

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = 60, unit = TimeUnit.MINUTES)
    void pipelineOverBareEngine() throws Exception {
        Path bare = dir.resolve("bare");
        Path jobs = dir.resolve("jobs");
        for (int turn = 0; turn < TURNS; turn++) {
            OwnProcess.run(HEAP, Overhead.class, dir, turn % 2 == 0 ? bare : jobs, DEMO, TIMES);
            OwnProcess.run(HEAP, Overhead.class, dir, turn % 2 == 0 ? jobs : bare, DEMO, TIMES);
        }
        List<Double> ofBare = rates(bare);
        List<Double> ofJobs = rates(jobs);
        assertThat(ofJobs).hasSameSizeAs(ofBare).isNotEmpty();
        System.out.printf(
                "output tokens/s, medians of %d rounds: bare engine %.0f, jobs %.0f: %.3f; by turns %s%n",
                ofBare.size(),
                median(ofBare),
                median(ofJobs),
                median(ofJobs) / median(ofBare),
                byTurns(ofJobs, ofBare));
    }

    private static List<Double> rates(Path file) throws Exception {
        return Files.readAllLines(file).stream().map(Double::valueOf).toList();
    }

    private static List<String> byTurns(List<Double> jobs, List<Double> bare) {
        int rounds = bare.size() / TURNS;
        return IntStream.range(0, TURNS)
                .mapToObj(turn -> median(jobs.subList(turn * rounds, (turn + 1) * rounds))
                        / median(bare.subList(turn * rounds, (turn + 1) * rounds)))
                .map(ratio -> String.format("%.3f", ratio))
                .toList();
    }

    private static double median(List<Double> values) {
        return Percentiles.median(
                values.stream().mapToDouble(Double::doubleValue).toArray());
    }
}
