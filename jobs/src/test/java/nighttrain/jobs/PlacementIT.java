package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests on which nodes and GPUs executors run: a node with four GPUs and one without, on a real cluster. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(600)
class PlacementIT {
    private static final Pattern GPUS = Pattern.compile("GPUs of this executor: \\[(.*?)]");
    private static final Pattern HOLDS_GPUS = Pattern.compile("GPUs of this executor: \\[\\d");
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    @TempDir
    static Path folder;

    private StandaloneCluster cluster;
    private ClusterWorker gpuNode;
    private ClusterWorker cpuNode;

    @BeforeAll
    @Timeout(600)
    void oneNodeWithGpusAndOneWithout() throws Exception {
        cluster = StandaloneCluster.start(folder);
        gpuNode = cluster.addWorker(4, "0,1,2,5");
        cpuNode = cluster.addWorker(6, "");
    }

    @AfterAll
    void end() {
        cluster.close();
    }

    /** Only the stage that feeds engines requests GPUs. Stages that read, sort and write run on executors without GPUs. */
    @Test
    void onlyTheStageThatGeneratesHoldsGpusAndItsExecutorsShareNone() throws Exception {
        Path output = folder.resolve("out");
        Map<String, String> conf = Map.of(
                "spark.dynamicAllocation.enabled", "true",
                "spark.dynamicAllocation.shuffleTracking.enabled", "true",
                "spark.dynamicAllocation.initialExecutors", "1",
                "spark.dynamicAllocation.maxExecutors", "2",
                "spark.executor.resource.gpu.amount", "2",
                "spark.network.timeout", "600s"); // executors are paused below, not lost
        String job;
        String[] oneByOne = command(output, "--max-num-seqs", "1"); // so slow that rows are in flight
        try (CommandProcess driver = cluster.driver(conf, oneByOne)) {
            JournalView journal = new JournalView(output);
            driver.awaitWhileAlive(
                    "rows are in flight",
                    PATIENCE,
                    () -> journal.hasRowsInFlight() && !holders().isEmpty());
            List<ProcessHandle> atWork = holders();
            signal("STOP", atWork); // or the job might end before a second executor starts
            driver.awaitWhileAlive(
                    "all GPUs are taken", PATIENCE, () -> holders().size() == 2);
            job = cluster.lastApplication();
            driver.signal("STOP"); // while stopped it gives nothing back
            refusesWhatOthersHave();
            driver.signal("CONT");
            signal("CONT", atWork);
            assertThat(driver.await(PATIENCE)).as(cluster::logs).isZero();
        }
        assertThat(gpus(cpuNode, job)).doesNotContain("0, 1", "2, 5").contains("");
        Map<String, String> ofGpuNode = gpuNode.logs(job);
        assertThat(gpus(gpuNode, job)).filteredOn(gpus -> !gpus.isEmpty()).containsExactlyInAnyOrder("0, 1", "2, 5");
        List<String> generating = Results.rows(output, "executor").stream()
                .map(row -> row.getString(0))
                .toList();
        assertThat(generating)
                .hasSize(40)
                .allSatisfy(executor -> assertThat(ofGpuNode.get(executor))
                        .as("log of executor %s", executor)
                        .containsPattern("GPUs of this executor: \\[(0, 1|2, 5)]"));
    }

    /** Executors share no GPU even if all executors of a job hold GPUs. Runs with {@code -Dnighttrain.soak}, since it takes six executors. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            2 | 0, 1; 2, 5
            1 | 0; 1; 2; 5""")
    @EnabledIfSystemProperty(named = "nighttrain.soak", matches = "\\d+")
    void executorsOfOneNodeShareNoGpu(int each, String taken) throws Exception {
        Map<String, String> conf = Map.of(
                "spark.cores.max", "4",
                "spark.executor.cores", String.valueOf(each),
                "spark.executor.resource.gpu.amount", String.valueOf(each),
                "spark.scheduler.minRegisteredResourcesRatio", "1.0",
                "spark.scheduler.maxRegisteredResourcesWaitingTime", "2m");
        try (CommandProcess driver = cluster.driver(conf, command(folder.resolve("static-" + each)))) {
            assertThat(driver.await(PATIENCE)).as(cluster::logs).isZero();
        }
        String job = cluster.lastApplication();
        assertThat(gpus(cpuNode, job)).isEmpty();
        assertThat(gpus(gpuNode, job)).containsExactlyInAnyOrder(taken.split("; "));
    }

    private void refusesWhatOthersHave() throws IOException {
        String why =
                ": 2 cores, 512 MiB, 2 GPUs (there are 6 cores, 4,096 MiB, 0 GPUs / 4 cores, 4,096 MiB, 4 GPUs, in use by"
                        + " night-train; ";
        String refused = "no executor within 1 s" + why + "wait for that, ask for less, or raise --executor-wait)";
        assertThat(refusal(folder.resolve("full"), "spark.executor.resource.gpu.amount=2", "--executor-wait", "1s"))
                .containsExactly("waiting for an executor" + why + "gives up after 1 s)", refused);
        if (System.getProperty("nighttrain.soak") != null) { // first reads its prompts on executors without GPUs
            List<String> dynamic = List.of(
                    "--executor-wait",
                    "1s",
                    "--conf",
                    "spark.dynamicAllocation.enabled=true",
                    "--conf",
                    "spark.dynamicAllocation.shuffleTracking.enabled=true");
            assertThat(refusal(
                            folder.resolve("later"),
                            "spark.executor.resource.gpu.amount=2",
                            dynamic.toArray(String[]::new)))
                    .last()
                    .isEqualTo(refused);
            assertThat(folder.resolve("later/results")).doesNotExist();
        }
    }

    @Test
    void whatNoWorkerHasIsRefusedInOneLine() throws Exception {
        assertThat(refusal(folder.resolve("never"), "spark.executor.resource.gpu.amount=8"))
                .containsExactly(
                        "no worker can hold an executor: 2 cores, 512 MiB, 8 GPUs (there are 6 cores, 4,096 MiB, 0"
                                + " GPUs / 4 cores, 4,096 MiB, 4 GPUs; ask for less by spark.executor.cores, .memory and"
                                + " .resource.gpu.amount, or start such a worker)");
        assertThat(folder.resolve("never")).doesNotExist();
    }

    /** Returns the messages of a command that gets no executor. */
    private List<String> refusal(Path output, String conf, String... options) throws IOException {
        List<String> more = new ArrayList<>(List.of(options));
        more.addAll(List.of("--conf", conf));
        cluster.conf().forEach((key, value) -> more.addAll(List.of("--conf", key + "=" + value)));
        Outcome outcome = Outcome.of(command(output, more.toArray(String[]::new)));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        return outcome.messages();
    }

    /** Returns the executors that have logged their GPUs. */
    private List<ProcessHandle> holders() {
        return gpuNode.executors()
                .filter(executor ->
                        HOLDS_GPUS.matcher(ClusterWorker.log(executor)).find())
                .toList();
    }

    private static void signal(String name, List<ProcessHandle> processes) throws Exception {
        for (ProcessHandle process : processes) {
            CommandProcess.signal(name, process);
        }
    }

    /** Figures of two machines are not comparable, so a comparison uses one executor and that executor's GPUs. */
    @Test
    void aComparisonMeasuresOnOneExecutor() throws Exception {
        Path output = folder.resolve("compared");
        List<String> command = new ArrayList<>(List.of(
                "compare",
                "--config",
                comparison().toString(),
                "--output",
                output.toString(),
                "--master",
                cluster.url(),
                "--conf",
                "spark.executor.resource.gpu.amount=2",
                "--conf",
                "spark.executor.instances=2"));
        cluster.conf().forEach((key, value) -> command.addAll(List.of("--conf", key + "=" + value)));
        Outcome outcome = Outcome.of(command.toArray(String[]::new));

        assertThat(outcome.exitCode())
                .as(() -> outcome.messages() + cluster.logs())
                .isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.messages())
                .contains(
                        "left out  toy 1x2, long: prompt and output too long: 513 tokens (at most 512, the model's context"
                                + " being 512; lower --input-len or --output-len)")
                .filteredOn(line -> line.endsWith(" output tokens/s"))
                .hasSize(4)
                .last()
                .asString()
                .startsWith("4 of 4  toy 2x1, 8/3: ");
        assertThat(Lines.of(output.resolve("metrics/rounds.parquet"))).hasSize(4);
        String job = cluster.lastApplication();
        assertThat(gpus(gpuNode, job)).singleElement().isIn("0, 1", "2, 5");
        assertThat(gpus(cpuNode, job)).isEmpty();
    }

    private Path comparison() throws IOException {
        return Files.writeString(folder.resolve("toys.yaml"), """
                models: {toy: %s}
                layouts: [1x2, 2x1]
                workloads:
                  - {numPrompts: 2, inputLen: 8, outputLen: 3}
                  - {name: long, numPrompts: 1, inputLen: 510, outputLen: 3}
                settings: {loadFormat: dummy, backend: cpu, threads: 1, maxNumSeqs: 2, pageTokens: 1, repeat: 2}
                bound: false
                """.formatted(model()));
    }

    private Path model() throws IOException {
        Path model = folder.resolve("model");
        return Files.exists(model) ? model : TinyModel.in(model);
    }

    private String[] command(Path output, String... more) throws IOException {
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--limit", "40", "--max-tokens", "8", "--id-column", "id"));
        options.addAll(List.of(more));
        return Demo.command(model(), Project.DEMO_PROMPTS, output, options.toArray(String[]::new));
    }

    /** Returns the GPUs that each executor of an application took on a node. */
    private static List<String> gpus(ClusterWorker node, String application) throws IOException {
        return node.logs(application).values().stream()
                .flatMap(log -> GPUS.matcher(log).results())
                .map(found -> found.group(1))
                .toList();
    }
}
