package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Figures;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code bench} on the CPU engine with a tiny model and compares its figures with independent arithmetic. */
@Timeout(60)
class BenchTest {
    private static final int PROMPTS = 6;
    private static final int OUTPUT = 5;
    private static final List<String> LATENCIES = List.of("ttft", "tpot", "e2e");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path folder;

    private static Outcome outcome;
    private static JsonNode json;

    /** Runs with pages of one token, so that the prefix cache would find even the shortest shared prefix. */
    @BeforeAll
    static void run() throws Exception {
        Path file = folder.resolve("bench.json");
        outcome = bench(
                TinyModel.in(folder.resolve("model")),
                "--num-prompts 6 --input-len 20 --input-len-spread 0.5 --output-len 5 --repeat 2 --ranks 2"
                        + " --replicas 2 --max-num-seqs 2 --page-tokens 1 --max-model-len 40 --json " + file);
        assertThat(outcome.messages()).isEmpty();
        json = JSON.readTree(file.toFile());
    }

    @Test
    void countsExactlyWhatWasAskedFor() {
        long promptTokens = json.at("/rounds/0/prompt_tokens").asLong();
        assertThat(promptTokens).isBetween(PROMPTS * 10L, PROMPTS * 30L);
        for (JsonNode round : rounds()) {
            assertThat(round.get("requests").asInt()).isEqualTo(PROMPTS);
            assertThat(round.get("prompt_tokens").asLong()).isEqualTo(promptTokens);
            assertThat(round.get("output_tokens").asLong()).isEqualTo(PROMPTS * OUTPUT);
            assertThat(round.get("total_tokens").asLong()).isEqualTo(promptTokens + PROMPTS * OUTPUT);
            assertThat(round.get("cached_prompt_tokens").asLong()).isZero();
        }
    }

    @Test
    void ratesTimesWallAreCounts() {
        for (JsonNode round : rounds()) {
            for (String what : List.of("requests", "output_tokens", "total_tokens")) {
                double rate = round.get(what + "_per_s").asDouble();
                assertThat(rate * round.get("wall_s").asDouble())
                        .isCloseTo(round.get(what).asDouble(), within(1e-6));
                assertThat(round.get(what + "_per_s_per_device").asDouble() * 4).isCloseTo(rate, within(1e-6));
            }
        }
    }

    @Test
    void latenciesAreInOrderAndWithinTheRound() {
        for (JsonNode round : rounds()) {
            for (String latency : LATENCIES) {
                assertThat(times(round, latency)).isSorted().allMatch(ms -> ms > 0);
            }
            for (String rank : List.of("_p50_ms", "_p90_ms", "_p99_ms")) {
                assertThat(round.get("ttft" + rank).asDouble())
                        .isLessThan(round.get("e2e" + rank).asDouble());
            }
            assertThat(round.get("e2e_p99_ms").asDouble())
                    .isLessThanOrEqualTo(round.get("wall_s").asDouble() * 1000);
        }
    }

    @Test
    void stepsFitIntoTheRoundOfEachReplica() {
        for (JsonNode round : rounds()) {
            assertThat(round.get("steps").asInt()).isGreaterThanOrEqualTo(2 * OUTPUT); // a sequence in each replica
            assertThat(round.get("preemptions").asInt()).isZero();
            double step = round.get("step_s").asDouble();
            double comm = round.get("comm_s").asDouble();
            assertThat(step)
                    .isPositive()
                    .isLessThanOrEqualTo(2 * round.get("wall_s").asDouble());
            assertThat(comm).isPositive().isLessThan(step);
            assertThat(round.get("comm_share").asDouble()).isCloseTo(comm / step, within(1e-9));
        }
    }

    @Test
    void medianAndSpreadAreThoseOfTheRounds() {
        assertThat(rounds()).hasSize(2);
        json.get("median").fieldNames().forEachRemaining(name -> {
            double first = json.at("/rounds/0/" + name).asDouble();
            double second = json.at("/rounds/1/" + name).asDouble();
            assertThat(json.at("/median/" + name).asDouble()).isCloseTo((first + second) / 2, within(1e-6));
            assertThat(json.at("/min/" + name).asDouble()).isEqualTo(Math.min(first, second));
            assertThat(json.at("/max/" + name).asDouble()).isEqualTo(Math.max(first, second));
        });
    }

    @Test
    void printsTheMediansOfTheFile() {
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out())
                .startsWith("6 prompts of 10 to 30 tokens in, 5 out; 2 rounds after 1 of warm-up\n")
                .contains("  layout    2x2 (replicas x ranks), parallel_track(2 tracks, D=2, mean), cpu\n")
                .containsPattern("  requests/s +" + printed("requests_per_s"))
                .containsPattern("  output tokens/s +" + printed("output_tokens_per_s"))
                .containsPattern("  total tokens/s per device +" + printed("total_tokens_per_s_per_device"))
                .containsPattern("  TTFT +"
                        + Figures.millis(json.at("/median/ttft_p50_ms").asDouble()));
    }

    /** A GPU node that only measures gets the engine's jars alone. */
    @Test
    void needsNoSparkOnTheClassPath() throws Exception {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        String without = Stream.of(all.split(File.pathSeparator))
                .filter(entry -> !Path.of(entry).getFileName().toString().matches("(spark|scala|hadoop)-.*"))
                .collect(Collectors.joining(File.pathSeparator));
        String options = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 --add-modules=jdk.incubator.vector"
                + " -Dlog4j2.configurationFile=nighttrain-log4j2.properties -Dnighttrain.log=bench.log -cp " + without
                + " nighttrain.jobs.Main bench --load-format dummy --backend cpu --threads 1 --num-prompts 1 --input-len 4"
                + " --output-len 1 --warmup 0 --repeat 1 --model " + TinyModel.in(folder.resolve("alone"));
        List<String> command =
                Stream.concat(Stream.of("java"), Stream.of(options.split(" "))).toList();
        try (CommandProcess bench = CommandProcess.start(folder, Map.of(), command)) {
            assertThat(bench.await(Duration.ofSeconds(50)))
                    .as("%s", bench.messages())
                    .isEqualTo(ExitCode.FINISHED.code());
            assertThat(bench.out()).contains("1 prompt of 4 tokens in, 1 out");
        }
    }

    @Test
    void oneTokenHasNoTimePerTokenAfterTheFirst() throws Exception {
        Path file = folder.resolve("one.json");

        Outcome one = bench(
                TinyModel.in(folder.resolve("one")),
                "--num-prompts 2 --input-len 4 --output-len 1 --warmup 0 --repeat 1 --json " + file);

        assertThat(one.out()).contains("2 prompts of 4 tokens in, 1 out; 1 round after 0 of warm-up\n");
        assertThat(one.out()).containsPattern("  TPOT +- +- +-\n");
        assertThat(JSON.readTree(file.toFile()).at("/median/tpot_p50_ms").isNull())
                .isTrue();
    }

    static Outcome bench(Path model, String options) {
        List<String> arguments = new ArrayList<>(List.of("bench", "--model", model.toString()));
        arguments.addAll(List.of("--load-format", "dummy", "--backend", "cpu", "--threads", "1"));
        arguments.addAll(List.of(options.split(" ")));
        return Outcome.of(arguments.toArray(String[]::new));
    }

    private static List<JsonNode> rounds() {
        List<JsonNode> rounds = new ArrayList<>();
        json.get("rounds").forEach(rounds::add);
        return rounds;
    }

    private static List<Double> times(JsonNode round, String latency) {
        return List.of(
                round.get(latency + "_p50_ms").asDouble(),
                round.get(latency + "_p90_ms").asDouble(),
                round.get(latency + "_p99_ms").asDouble());
    }

    private static String printed(String figure) {
        return Figures.rate(json.at("/median/" + figure).asDouble());
    }
}
