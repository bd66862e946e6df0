package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs the jar of each version on that version's own distribution, on a standalone cluster of a master and two workers with an executor each. Jars
 * reach the executors by {@code --jars}.
 */
@Tag("spark-versions")
@ParameterizedClass
@MethodSource("distributions")
@Timeout(3600)
class SparkVersionsIT {
    private static final String DISTRIBUTIONS = System.getProperty("nighttrain.pyspark");
    /** A limit for hangs only: on a shared machine a test takes minutes. */
    private static final Duration PATIENCE = Duration.ofMinutes(20);

    private static final int WORKERS = 2;
    /** Task slots of an executor. With one slot there are so few tasks that one executor takes all of them. */
    private static final int CORES = 2;

    private static final int ROWS = 500;
    private static final int FEW_ROWS = 20;
    private static final int ROWS_BEFORE_A_KILL = 60;
    private static final Path DEMO = Project.CONF.resolve("demo");
    private static final String EXAMPLE =
            Project.ROOT.resolve("notebooks/pyspark_tickets.py").toString();
    private static final String[] ID_AND_TEXT = {"id", "text", "finish_reason"};
    private static final String[] ID_AND_LABEL = {"id", "label", "round(confidence, 3)"};

    private static final Pattern RECORDS = Pattern.compile("numRecords\\W+([0-9]+)");

    /** The answers of the default build, which other builds must give too. */
    private static List<Row> expected;

    private static List<Row> expectedLabels;

    @TempDir
    static Path shared;

    private static StandaloneCluster cluster;

    private final Distribution spark;

    @TempDir
    Path folder;

    SparkVersionsIT(Distribution spark) {
        this.spark = spark;
    }

    static List<Distribution> distributions() throws IOException {
        assumeTrue(DISTRIBUTIONS != null, "no distributions: -Dnighttrain.pyspark=DIR, see CONTRIBUTING.md");
        return Distribution.in(Path.of(DISTRIBUTIONS));
    }

    @BeforeAll
    @Timeout(3600)
    static void expect() {
        expected = run("generate", ID_AND_TEXT, "--max-tokens", "64");
        expectedLabels = run(
                "label",
                ID_AND_LABEL,
                "--prompt",
                "{prompt}",
                "--labels-file",
                DEMO.resolve("labels.jsonl").toString(),
                "--limit",
                String.valueOf(FEW_ROWS));
        assertThat(expected).hasSize(ROWS);
        assertThat(expectedLabels).hasSize(FEW_ROWS);
    }

    @BeforeParameterizedClassInvocation
    @Timeout(3600)
    static void start(Distribution spark) throws Exception {
        assumeTrue(Files.exists(spark.jar()), "not built: " + spark.jar());
        cluster = StandaloneCluster.start(shared, spark);
        for (int i = 0; i < WORKERS; i++) {
            cluster.addWorker(CORES, "");
        }
    }

    private static List<Row> run(String job, String[] columns, String... options) {
        Path output = shared.resolve(job);
        List<String> all = new ArrayList<>(List.of("--id-column", "id"));
        all.addAll(List.of(options));
        String[] command = Demo.command(Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, all.toArray(String[]::new));
        command[0] = job;
        Outcome run = Outcome.of(command);
        assertThat(run.exitCode()).as("%s", run.messages()).isEqualTo(ExitCode.FINISHED);
        return Results.rows(output, columns);
    }

    @AfterParameterizedClassInvocation
    static void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aCommandUnderSparkSubmitOutlivesAnExecutorAndItsDriver() throws Exception {
        Path output = folder.resolve("out");
        List<String> job = new ArrayList<>(
                List.of("--class", "nighttrain.jobs.Main", spark.jar().toString()));
        job.addAll(List.of(Demo.command(
                Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, "--id-column", "id", "--max-tokens", "64")));

        String said = killedAndResumed(job, output);

        assertThat(said).startsWith(ROWS + " rows, 0 errors in ").containsPattern("[0-9]+ from earlier runs");
    }

    @Test
    void aJobFromPySparkOutlivesAnExecutorAndItsDriver() throws Exception {
        Path output = folder.resolve("out");
        List<String> job = new ArrayList<>(List.of("--jars", spark.jar().toString()));
        job.addAll(example(output));

        assertExampleSays(killedAndResumed(job, output));
    }

    /** Returns the output of the second run. In the first run an executor is killed, whose rows the other one finishes, and then the driver. */
    private String killedAndResumed(List<String> job, Path output) throws Exception {
        JournalView journal = new JournalView(output);
        try (CommandProcess process = submit(job)) {
            process.awaitWhileAlive("some rows are finished", PATIENCE, () -> journal.rows() >= ROWS_BEFORE_A_KILL);
            List<ProcessHandle> executors = cluster.executors();
            assertThat(executors).hasSize(WORKERS);
            executors.get(0).destroyForcibly();
            long rows = journal.rows();
            process.awaitWhileAlive(
                    "more rows are finished", PATIENCE, () -> journal.rows() >= rows + ROWS_BEFORE_A_KILL);
            process.kill();
        }
        assertThat(output.resolve("summary.json")).doesNotExist();
        long finished = journal.rows();
        assertThat(finished).isBetween(2L * ROWS_BEFORE_A_KILL, ROWS - 1L);
        try (CommandProcess process = submit(job)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertThat(Results.rows(output, ID_AND_TEXT)).isEqualTo(expected);
            assertThat(Results.rows(output, "executor").stream().distinct())
                    .as("executors that finished rows, one on each worker at a time")
                    .hasSizeGreaterThanOrEqualTo(WORKERS);
            return process.out();
        }
    }

    @Test
    void aQueryCallsTheModel() throws Exception {
        try (CommandProcess process = submit(withJar(jobsAndQuery()))) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertJobsAndQuery(process);
        }
    }

    /** The server is killed to stop the job, since the job continues without its client. */
    @Test
    void aConnectClientResumesAJobAndLabelsAndAsks() throws Exception {
        assumeTrue(spark.hasConnect(), "no Spark Connect in the package of " + spark);
        Path output = folder.resolve("out");
        JournalView journal = new JournalView(output);
        int port = StandaloneCluster.freePort();
        try (CommandProcess server = connectServer(port);
                CommandProcess process = client(port, example(output))) {
            process.awaitWhileAlive("some rows are finished", PATIENCE, () -> journal.rows() >= ROWS_BEFORE_A_KILL);
            server.kill();
            process.kill(); // it would retry for ten minutes
        }
        assertThat(output.resolve("summary.json")).doesNotExist();

        int second = StandaloneCluster.freePort();
        try (CommandProcess server = connectServer(second)) {
            try (CommandProcess process = client(second, example(output))) {
                assertThat(process.await(PATIENCE))
                        .as(process.messages() + server.messages())
                        .isZero();
                assertExampleSays(process.out());
            }
            assertThat(Results.rows(output, ID_AND_TEXT)).isEqualTo(expected);
            List<String> more = new ArrayList<>(jobsAndQuery());
            more.add(remote(second));
            try (CommandProcess process = client(second, more)) {
                assertThat(process.await(PATIENCE))
                        .as(process.messages() + server.messages())
                        .isZero();
                assertJobsAndQuery(process);
            }
        }
    }

    private CommandProcess connectServer(int port) throws Exception {
        CommandProcess server = submit(withJar(List.of(
                "--conf",
                "spark.connect.grpc.binding.port=" + port,
                "--conf",
                "spark.connect.grpc.binding.address=127.0.0.1",
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer")));
        server.awaitWhileAlive("the server answers", PATIENCE, () -> answers(port));
        return server;
    }

    private CommandProcess client(int port, List<String> program) throws IOException {
        Map<String, String> environment = new HashMap<>(spark.clientEnvironment());
        environment.put("SPARK_REMOTE", remote(port));
        return CommandProcess.start(
                folder,
                environment,
                Stream.concat(Stream.of("python3"), program.stream()).toList());
    }

    private static String remote(int port) {
        return "sc://127.0.0.1:" + port;
    }

    private static List<String> example(Path output) {
        return List.of(EXAMPLE, Project.DEMO_MODEL.toString(), Project.DEMO_PROMPTS.toString(), output.toString());
    }

    private static void assertExampleSays(String out) {
        assertThat(out).contains("category|count|").contains("delivery|   65|");
    }

    private List<String> jobsAndQuery() {
        return List.of(
                Project.ROOT
                        .resolve("jobs/src/test/resources/jobs_and_query.py")
                        .toString(),
                DEMO.toString(),
                "T-00020",
                folder.resolve("texts").toString(),
                folder.resolve("labels").toString(),
                folder.resolve("query").toString());
    }

    private List<String> withJar(List<String> command) {
        List<String> all = new ArrayList<>(List.of(
                "--jars",
                spark.jar().toString(),
                "--conf",
                "spark.sql.extensions=nighttrain.pipeline.NightTrainExtensions"));
        all.addAll(command);
        return all;
    }

    private void assertJobsAndQuery(CommandProcess process) throws IOException {
        assertThat(process.out()).contains("20 rows\n20 rows again\n20 labels");
        assertThat(Results.rows(folder.resolve("texts"), ID_AND_TEXT)).isEqualTo(expected.subList(0, FEW_ROWS));
        assertThat(Results.rows(folder.resolve("labels"), ID_AND_LABEL)).isEqualTo(expectedLabels);
        assertThat(Results.rows(folder.resolve("query"), ID_AND_TEXT)).isEqualTo(expected.subList(0, FEW_ROWS));
    }

    private static boolean answers(int port) {
        try (Socket connection = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return connection.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Uses the library that INPUT.md names, from Maven Central. The input is the demo's file with a hand-written Delta log. */
    @Test
    void aTableLibraryComesByPackages() throws Exception {
        Path input = deltaTable(folder.resolve("tickets"));
        Path output = folder.resolve("out");
        Path answers = folder.resolve("answers");
        List<String> job = new ArrayList<>(List.of(
                "--packages",
                spark.deltaPackage(),
                "--conf",
                "spark.jars.ivy=" + folder.resolve("ivy"),
                "--conf",
                "spark.jars.ivySettings=" + mavenCentral(),
                "--conf",
                "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
                "--conf",
                "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
                "--class",
                "nighttrain.jobs.Main",
                spark.jar().toString()));
        job.addAll(List.of(Demo.command(Project.DEMO_MODEL, input, output, "--id-column", "id", "--max-tokens", "64")));
        job.addAll(List.of("--format", "delta", "--limit", String.valueOf(FEW_ROWS)));
        job.addAll(List.of("--output-table", "delta.`" + answers + "`"));

        try (CommandProcess process = submit(job)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
        }
        assertThat(Results.rows(output, ID_AND_TEXT)).isEqualTo(expected.subList(0, FEW_ROWS));
        try (Stream<Path> log = Files.list(answers.resolve("_delta_log"))) {
            List<String> commitsWithRows = log.filter(file -> file.toString().endsWith(".json"))
                    .map(StandaloneCluster::text)
                    .filter(commit -> commit.contains("\"add\""))
                    .toList();
            assertThat(commitsWithRows).hasSize(1);
            assertThat(RECORDS.matcher(commitsWithRows.get(0))
                            .results()
                            .mapToInt(found -> Integer.parseInt(found.group(1)))
                            .sum())
                    .as("rows in the commit")
                    .isEqualTo(FEW_ROWS);
        }
    }

    /** Writes settings of Ivy with Maven Central alone: Ivy also looks in Maven's local repository, which has poms without their jars. */
    private Path mavenCentral() throws IOException {
        return Files.writeString(folder.resolve("ivy.xml"), """
                <ivysettings>
                  <settings defaultResolver="central"/>
                  <resolvers>
                    <ibiblio name="central" m2compatible="true"/>
                  </resolvers>
                </ivysettings>
                """);
    }

    private static Path deltaTable(Path table) throws IOException {
        Path log = Files.createDirectories(table.resolve("_delta_log"));
        Path file = Files.copy(Project.DEMO_PROMPTS, table.resolve("tickets.parquet"));
        String schema =
                new StructType().add("id", "string").add("prompt", "string").json();
        Files.writeString(log.resolve("00000000000000000000.json"), """
                {"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
                {"metaData":{"id":"tickets","format":{"provider":"parquet","options":{}},"schemaString":"%s",\
                "partitionColumns":[],"configuration":{},"createdTime":0}}
                {"add":{"path":"tickets.parquet","partitionValues":{},"size":%d,"modificationTime":0,"dataChange":true}}
                """.formatted(
                        schema.replace("\"", "\\\""), Files.size(file)));
        return table;
    }

    @Test
    void anotherSparksJarSaysSoInOneLine() throws Exception {
        Distribution other = others().filter(each -> !each.line().equals(spark.line()))
                .findFirst()
                .orElse(null);
        assumeTrue(other != null, "no jar of another Spark is built");
        assertRefused(other.jar(), "needs Spark " + other.line() + ": this is Spark " + spark.line() + ".");
    }

    @Test
    void anotherScalasJarSaysSoInOneLine() throws Exception {
        Distribution other = others().filter(each -> each.line().equals(spark.line()))
                .findFirst()
                .orElse(null);
        assumeTrue(other != null, "no jar of the same Spark and another Scala is built");
        assertRefused(other.jar(), "needs Scala " + other.scala() + ": this is Scala " + spark.scala() + ".");
    }

    private Stream<Distribution> others() throws IOException {
        return distributions().stream().filter(each -> !each.jar().equals(spark.jar()) && Files.exists(each.jar()));
    }

    private void assertRefused(Path jar, String says) throws Exception {
        List<String> command = new ArrayList<>(List.of("--class", "nighttrain.jobs.Main", jar.toString()));
        command.addAll(
                List.of(Demo.command(Project.DEMO_MODEL, Project.DEMO_PROMPTS, folder.resolve("out"), "--limit", "1")));
        try (CommandProcess process = submit(command)) {
            assertThat(process.await(PATIENCE)).isEqualTo(ExitCode.BAD_INPUT.code());
            assertThat(process.messages().lines().filter(line -> line.startsWith("needs ")))
                    .singleElement()
                    .asString()
                    .startsWith(says);
        }
        List<String> format = new ArrayList<>(List.of("--jars", jar.toString()));
        format.addAll(example(folder.resolve("out")));
        try (CommandProcess process = submit(format)) {
            assertThat(process.await(PATIENCE)).isNotZero();
            // Spark prints both of Python's streams to stdout.
            assertThat(process.out()).contains("nighttrain.io.UserError: " + says);
        }
        assertThat(folder.resolve("out")).doesNotExist();
    }

    private CommandProcess submit(List<String> job) throws IOException {
        String vectors = "--add-modules=jdk.incubator.vector"; // Spark 3.5 does not add it
        Map<String, String> conf = Map.of(
                "spark.driver.host", "127.0.0.1",
                "spark.ui.enabled", "false",
                // Both executors are registered before the first task starts.
                "spark.cores.max", String.valueOf(WORKERS * CORES),
                "spark.scheduler.minRegisteredResourcesRatio", "1",
                "spark.scheduler.maxRegisteredResourcesWaitingTime", "5m",
                "spark.nighttrain.executorWait", "5m",
                "spark.nighttrain.maxNumSeqs", "16",
                "spark.driver.extraJavaOptions", vectors + " " + String.join(" ", BriefRun.JVM_FLAGS),
                "spark.executor.extraJavaOptions", vectors + " -XX:+UseSerialGC");
        List<String> command = new ArrayList<>(
                List.of(spark.home().resolve("bin/spark-submit").toString(), "--master", cluster.url()));
        conf.forEach((key, value) -> command.addAll(List.of("--conf", key + "=" + value)));
        command.addAll(job);
        Map<String, String> environment = new HashMap<>(spark.environment());
        environment.put("SPARK_LOCAL_DIRS", folder.toString());
        environment.put("PYSPARK_PYTHON", "python3");
        return CommandProcess.start(folder, environment, command);
    }
}
