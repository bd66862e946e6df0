package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The jar of each version on that version's own distribution, as the pyspark packages hold it, on a standalone cluster of two
 * workers ({@code local-cluster}): jars reach the executors as they do from {@code --jars} elsewhere.
 */
@Tag("spark-versions")
@Timeout(1200)
class SparkVersionsIT {
    private static final String DISTRIBUTIONS = System.getProperty("nighttrain.pyspark");
    private static final Duration PATIENCE = Duration.ofMinutes(8);
    private static final int ROWS = 500;
    private static final int ROWS_BEFORE_THE_KILL = 60;
    private static final String EXAMPLE =
            Project.ROOT.resolve("notebooks/pyspark_tickets.py").toString();
    private static final String[] ID_AND_TEXT = {"id", "text", "finish_reason"};

    @TempDir
    static Path shared;

    private static List<Row> expected;

    @TempDir
    Path folder;

    /**
     * A distribution.
     *
     * @param line its major and minor version
     */
    record Distribution(Path home, String line, String scala) {
        private static final Pattern CORE = Pattern.compile("spark-core_([0-9.]+)-([0-9]+\\.[0-9]+).*\\.jar");

        static Distribution of(Path home) {
            try (Stream<Path> jars = Files.list(home.resolve("jars"))) {
                Matcher core = jars.map(jar -> CORE.matcher(jar.getFileName().toString()))
                        .filter(Matcher::matches)
                        .findFirst()
                        .orElseThrow();
                return new Distribution(home, core.group(2), core.group(1));
            } catch (IOException e) {
                throw new IllegalStateException("no distribution of Spark: " + home, e);
            }
        }

        Path jar() {
            Path target = Project.ROOT.resolve("jobs/target");
            String build = "spark-" + line + "_" + scala;
            return line.equals("4.2")
                    ? target.resolve("nighttrain.jar")
                    : target.resolve(build).resolve("nighttrain-" + build + ".jar");
        }

        /** From 4.0 on the package holds it. */
        boolean hasConnect() {
            return !line.startsWith("3.");
        }

        /** Of Python without a JVM: the package, and what {@code CONTRIBUTING.md} has beside it. */
        Map<String, String> clientEnvironment() {
            Path folder = home.getParent();
            return Map.of("PYTHONPATH", folder + ":" + folder.resolveSibling("connect"));
        }

        @Override
        public String toString() {
            return "Spark " + line + ", Scala " + scala;
        }
    }

    /** The answers of the default build. */
    @BeforeAll
    static void expect() {
        assumeTrue(DISTRIBUTIONS != null, "no distributions: -Dnighttrain.pyspark=DIR, see CONTRIBUTING.md");
        Path output = shared.resolve("expected");
        Outcome run = Outcome.of(Demo.command(
                Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, "--id-column", "id", "--max-tokens", "64"));
        assertThat(run.exitCode()).as("%s", run.messages()).isEqualTo(ExitCode.FINISHED);
        expected = Results.rows(output, ID_AND_TEXT);
        assertThat(expected).hasSize(ROWS);
    }

    /** The folders of {@code nighttrain.pyspark}: what {@code pip install --target DIR/3.5.9 pyspark==3.5.9} makes. */
    static Stream<Distribution> distributions() throws IOException {
        try (Stream<Path> folders = Files.list(Path.of(DISTRIBUTIONS))) {
            return folders.map(each -> each.resolve("pyspark")).filter(Files::isDirectory).sorted().toList().stream()
                    .map(Distribution::of);
        }
    }

    @ParameterizedTest
    @MethodSource("distributions")
    void aJobFromPySparkIsKilledAndResumed(Distribution spark) throws Exception {
        assumeTrue(Files.exists(spark.jar()), "not built: " + spark.jar());
        Path output = folder.resolve("out");
        JournalView journal = new JournalView(output);
        List<String> job = List.of(
                "--jars",
                spark.jar().toString(),
                EXAMPLE,
                Project.DEMO_MODEL.toString(),
                Project.DEMO_PROMPTS.toString(),
                output.toString());

        try (CommandProcess process = submit(spark, job)) {
            process.awaitWhileAlive("some rows are finished", PATIENCE, () -> journal.rows() >= ROWS_BEFORE_THE_KILL);
            process.kill();
        }
        assertThat(output.resolve("summary.json")).doesNotExist();
        try (CommandProcess process = submit(spark, job)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertThat(process.out()).contains("category|count|").contains("delivery|   65|");
        }
        assertThat(Results.rows(output, ID_AND_TEXT)).isEqualTo(expected);
    }

    @ParameterizedTest
    @MethodSource("distributions")
    void theCommandRunsUnderSparkSubmit(Distribution spark) throws Exception {
        assumeTrue(Files.exists(spark.jar()), "not built: " + spark.jar());
        Path output = folder.resolve("out");
        List<String> job = new ArrayList<>(
                List.of("--class", "nighttrain.jobs.Main", spark.jar().toString()));
        job.addAll(List.of(
                Demo.command(Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, "--limit", "20", "--id-column", "id")));

        try (CommandProcess process = submit(spark, job)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertThat(process.out()).startsWith("20 rows, 0 errors in ");
        }
        assertThat(Results.rows(output, ID_AND_TEXT)).isEqualTo(expected.subList(0, 20));
    }

    @ParameterizedTest
    @MethodSource("distributions")
    void aQueryCallsTheModel(Distribution spark) throws Exception {
        assumeTrue(Files.exists(spark.jar()), "not built: " + spark.jar());
        try (CommandProcess process = submit(spark, withJar(spark, jobAndQuery()))) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertThat(process.out()).contains("20 rows");
        }
        assertJobAndQuery();
    }

    @ParameterizedTest
    @MethodSource("distributions")
    void aConnectClientRunsAJobAndAQuery(Distribution spark) throws Exception {
        assumeTrue(Files.exists(spark.jar()), "not built: " + spark.jar());
        assumeTrue(spark.hasConnect(), "no Spark Connect in the package of " + spark);
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        List<String> server = List.of(
                "--conf",
                "spark.connect.grpc.binding.port=" + port,
                "--conf",
                "spark.connect.grpc.binding.address=127.0.0.1",
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer");
        List<String> client = new ArrayList<>(List.of("python3"));
        client.addAll(jobAndQuery());
        client.add("sc://127.0.0.1:" + port);
        try (CommandProcess serving = submit(spark, withJar(spark, server))) {
            serving.awaitWhileAlive("the server answers", PATIENCE, () -> answers(port));
            try (CommandProcess process = CommandProcess.start(folder, spark.clientEnvironment(), client)) {
                assertThat(process.await(PATIENCE))
                        .as(process.messages() + serving.messages())
                        .isZero();
                assertThat(process.out()).contains("20 rows");
            }
        }
        assertJobAndQuery();
    }

    private List<String> jobAndQuery() {
        return List.of(
                Project.ROOT.resolve("jobs/src/test/resources/job_and_query.py").toString(),
                Project.DEMO_MODEL.toString(),
                Project.DEMO_PROMPTS.toString(),
                "T-00020",
                folder.resolve("job").toString(),
                folder.resolve("query").toString());
    }

    private static List<String> withJar(Distribution spark, List<String> command) {
        List<String> all = new ArrayList<>(List.of(
                "--jars",
                spark.jar().toString(),
                "--conf",
                "spark.sql.extensions=nighttrain.pipeline.NightTrainExtensions"));
        all.addAll(command);
        return all;
    }

    private void assertJobAndQuery() {
        assertThat(Results.rows(folder.resolve("job"), ID_AND_TEXT)).isEqualTo(expected.subList(0, 20));
        assertThat(Results.rows(folder.resolve("query"), ID_AND_TEXT)).isEqualTo(expected.subList(0, 20));
    }

    private static boolean answers(int port) {
        try (Socket connection = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return connection.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    @ParameterizedTest
    @MethodSource("distributions")
    void anotherSparksJarSaysSoInOneLine(Distribution spark) throws Exception {
        Optional<Distribution> other = distributions()
                .filter(each -> !each.line().equals(spark.line()) && Files.exists(each.jar()))
                .findFirst();
        assumeTrue(other.isPresent(), "no jar of another Spark is built");
        String says = "needs Spark " + other.get().line() + ": this is Spark " + spark.line() + ".";

        List<String> command = new ArrayList<>(
                List.of("--class", "nighttrain.jobs.Main", other.get().jar().toString()));
        command.addAll(
                List.of(Demo.command(Project.DEMO_MODEL, Project.DEMO_PROMPTS, folder.resolve("out"), "--limit", "1")));
        try (CommandProcess process = submit(spark, command)) {
            assertThat(process.await(PATIENCE)).isEqualTo(ExitCode.BAD_INPUT.code());
            assertThat(process.messages().lines().filter(line -> line.startsWith("needs Spark")))
                    .singleElement()
                    .asString()
                    .startsWith(says);
        }
        List<String> format = List.of(
                "--jars",
                other.get().jar().toString(),
                EXAMPLE,
                Project.DEMO_MODEL.toString(),
                Project.DEMO_PROMPTS.toString(),
                folder.resolve("out").toString());
        try (CommandProcess process = submit(spark, format)) {
            assertThat(process.await(PATIENCE)).isNotZero();
            // Spark prints there what Python says on either stream.
            assertThat(process.out()).contains("nighttrain.io.UserError: " + says);
        }
        assertThat(folder.resolve("out")).doesNotExist();
    }

    private CommandProcess submit(Distribution spark, List<String> job) throws IOException {
        String vectors = "--add-modules=jdk.incubator.vector"; // Spark 3.5 does not ask for it itself
        List<String> command = new ArrayList<>(List.of(
                spark.home().resolve("bin/spark-submit").toString(),
                "--master",
                "local-cluster[2,1,1024]",
                "--conf",
                "spark.ui.enabled=false",
                "--conf",
                "spark.nighttrain.maxNumSeqs=16",
                "--conf",
                "spark.driver.extraJavaOptions=" + vectors,
                "--conf",
                "spark.executor.extraJavaOptions=" + vectors));
        command.addAll(job);
        Map<String, String> environment = Map.of(
                "SPARK_HOME",
                spark.home().toString(),
                "SPARK_LOCAL_IP",
                "127.0.0.1",
                "SPARK_LOCAL_DIRS",
                folder.toString(),
                "PYSPARK_PYTHON",
                "python3");
        return CommandProcess.start(folder, environment, command);
    }
}
