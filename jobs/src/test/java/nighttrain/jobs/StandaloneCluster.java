package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A master and workers of Spark's standalone cluster: real processes on the loopback device, on the tests' class path or from a distribution. Their
 * logs are in the folder; they end with the cluster.
 */
final class StandaloneCluster implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** A limit for hangs only: a worker takes seconds of a processor, beside executors and other builds. */
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private static final int TRIALS = 3;
    private static final String DAEMON_HEAP = "256m";

    private static final String CLASS_PATH =
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    private static final List<String> JVM_FLAGS = Stream.concat(
                    BriefRun.JVM_FLAGS.stream(), Stream.of("-Dlog4j2.configurationFile=cluster-log4j2.properties"))
            .toList();

    private final Path folder;
    private final Map<String, String> environment;
    /** Spark's launch script; empty if processes run on the class path. */
    private final Optional<Path> sparkClass;

    private final List<ClusterWorker> workers = new ArrayList<>();
    private CommandProcess master;
    private int port;
    private int webPort;

    private StandaloneCluster(Path folder, Map<String, String> environment, Optional<Path> sparkClass) {
        this.folder = folder;
        this.environment = environment;
        this.sparkClass = sparkClass;
    }

    /** Starts a master without workers, on the tests' class path. */
    static StandaloneCluster start(Path folder) throws Exception {
        Path home = folder.resolve("spark"); // a SPARK_HOME, though the class path has all classes
        Files.createDirectories(home.resolve("jars"));
        Map<String, String> environment =
                Map.of("SPARK_LOCAL_IP", "127.0.0.1", "SPARK_HOME", home.toString(), "SPARK_SCALA_VERSION", "2.13");
        return started(new StandaloneCluster(folder, environment, Optional.empty()));
    }

    /** Starts a master by a distribution's own scripts; its executors have none of our classes. */
    static StandaloneCluster start(Path folder, Distribution spark) throws Exception {
        Path sparkClass = spark.home().resolve("bin/spark-class");
        return started(new StandaloneCluster(folder, spark.environment(), Optional.of(sparkClass)));
    }

    private static StandaloneCluster started(StandaloneCluster cluster) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(cluster::close)); // leaves no processes if the test is killed
        cluster.startMaster();
        return cluster;
    }

    /** Starts the master, again if needed: another process may take the port after its choice, and the master then ends without trying another. */
    private void startMaster() throws Exception {
        List<String> options = List.of("-Dspark.port.maxRetries=0", "-Dspark.master.rest.enabled=false");
        for (int trial = 1; master == null || !master.isAlive(); trial++) {
            port = freePort();
            webPort = freePort();
            List<String> arguments = List.of(
                    "org.apache.spark.deploy.master.Master",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    String.valueOf(port),
                    "--webui-port",
                    String.valueOf(webPort));
            master = java(environment, DAEMON_HEAP, options, arguments);
            boolean last = trial == TRIALS;
            master.awaitWhileAlive("the master answers", PATIENCE, () -> answers() || (!last && !master.isAlive()));
        }
    }

    /** Adds a worker. {@code gpus}: the addresses of its GPUs, such as {@code 0,1}, or empty. */
    ClusterWorker addWorker(int cores, String gpus) throws Exception {
        Map<String, String> environment = new HashMap<>(this.environment);
        environment.put("NIGHTTRAIN_GPUS", gpus);
        List<String> options = new ArrayList<>();
        if (!gpus.isEmpty()) {
            options.add("-Dspark.worker.resource.gpu.amount=" + gpus.split(",").length);
            options.add("-Dspark.worker.resource.gpu.discoveryScript=" + Project.CONF.resolve("discover-gpus.sh"));
        }
        Set<String> before = workersSeen();
        Path home = Files.createTempDirectory(folder, "worker");
        List<String> arguments = List.of(
                "org.apache.spark.deploy.worker.Worker",
                "--host",
                "127.0.0.1",
                "--webui-port",
                "0",
                "--cores",
                String.valueOf(cores),
                "--memory",
                "4g",
                "--work-dir",
                home.toString(),
                url());
        ClusterWorker worker = new ClusterWorker(java(environment, DAEMON_HEAP, options, arguments), home);
        workers.add(worker);
        worker.process()
                .awaitWhileAlive(
                        "the worker is known to the master", PATIENCE, () -> !before.containsAll(workersSeen()));
        return worker;
    }

    /** Starts {@code nighttrain arguments} as a driver of this cluster, in a process of its own. */
    CommandProcess driver(Map<String, String> conf, String... arguments) throws IOException {
        List<String> options = new ArrayList<>();
        options.add("@" + Project.ROOT.resolve("jobs/target/jvm.options"));
        options.add("-Dnighttrain.log=standard error");
        Map<String, String> all = conf();
        all.putAll(conf);
        all.forEach((key, value) -> options.add("-D" + key + "=" + value));
        List<String> main = new ArrayList<>(List.of("nighttrain.jobs.Main"));
        main.addAll(List.of(arguments));
        return java(environment, "1g", options, main);
    }

    /** Returns a driver's Spark conf: small executors with two task slots and the tests' class path. */
    Map<String, String> conf() {
        Map<String, String> conf = new LinkedHashMap<>(BriefRun.SPARK_CONF);
        conf.put("spark.master", url());
        conf.put("spark.driver.host", "127.0.0.1");
        conf.put("spark.local.dir", folder.resolve("local").toString());
        conf.put("spark.nighttrain.executorWait", "5m"); // builds share the processors
        conf.put("spark.executor.cores", "2");
        conf.put("spark.executor.memory", "512m");
        conf.put("spark.executor.extraClassPath", CLASS_PATH);
        conf.put("spark.executor.extraJavaOptions", String.join(" ", JVM_FLAGS));
        return conf;
    }

    /** Kills one of the workers and its executors with {@code kill -9}, as when a node is lost. */
    void loseAWorker(SplittableRandom random) throws IOException, InterruptedException {
        workers.remove(random.nextInt(workers.size())).lose();
    }

    String url() {
        return "spark://127.0.0.1:" + port;
    }

    /** Returns the master's state from {@code /json/}. */
    JsonNode state() throws IOException {
        return JSON.readTree(
                URI.create("http://127.0.0.1:" + webPort + "/json/").toURL());
    }

    /** Returns the id of the latest application. */
    String lastApplication() throws IOException {
        JsonNode state = state();
        return Stream.of("activeapps", "completedapps")
                .flatMap(apps -> state.required(apps).findValuesAsText("id").stream())
                .max(Comparator.naturalOrder())
                .orElseThrow();
    }

    /** Returns the JVMs of all executors. */
    List<ProcessHandle> executors() {
        return workers.stream().flatMap(ClusterWorker::executors).toList();
    }

    private boolean answers() {
        try {
            return state().path("url").asText().equals(url()); // and not another master's
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Returns the names of all workers that have registered, including lost ones. */
    private Set<String> workersSeen() throws IOException {
        Set<String> names = new HashSet<>();
        state().required("workers")
                .forEach(worker -> names.add(worker.required("id").asText()));
        return names;
    }

    private CommandProcess java(Map<String, String> environment, String heap, List<String> options, List<String> main)
            throws IOException {
        Map<String, String> all = new HashMap<>(environment);
        List<String> command = new ArrayList<>();
        if (sparkClass.isPresent()) {
            command.add(sparkClass.get().toString());
            String flags = String.join(" ", BriefRun.JVM_FLAGS) + " " + String.join(" ", options);
            all.put("SPARK_DAEMON_JAVA_OPTS", flags);
            all.put("SPARK_DAEMON_MEMORY", heap);
        } else {
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(JVM_FLAGS);
            command.add("-Xmx" + heap);
            command.addAll(options);
            command.addAll(List.of("-cp", CLASS_PATH));
        }
        command.addAll(main);
        return CommandProcess.start(folder, all, command);
    }

    static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the logs of its processes, for a failed test. */
    String logs() {
        return files(folder.toFile())
                .filter(file ->
                        file.getName().equals("stderr") || file.getName().startsWith("messages"))
                .sorted()
                .map(file -> "== " + folder.relativize(file.toPath()) + "\n" + text(file.toPath()))
                .collect(Collectors.joining());
    }

    /** Returns the files under a folder; unlike {@link Files#walk}, does not fail if one disappears meanwhile. */
    private static Stream<File> files(File of) {
        File[] inside = of.listFiles();
        return inside == null ? Stream.of(of) : Stream.of(inside).flatMap(StandaloneCluster::files);
    }

    /** Returns a file's text, or an empty text if the file does not exist. */
    static String text(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException notThere) {
            return "";
        }
    }

    @Override
    public void close() {
        workers.forEach(ClusterWorker::close);
        if (master != null) {
            master.close();
        }
    }
}
