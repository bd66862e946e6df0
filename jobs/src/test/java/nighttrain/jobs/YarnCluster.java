package nighttrain.jobs;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A resource manager and two node managers of a real YARN, each a process. The folder holds their logs and containers. */
final class YarnCluster implements AutoCloseable {
    /** Jars that the profile fetched: YARN's servers with their dependencies, and a Spark distribution's jars for YARN. */
    private static final Path JARS = Project.ROOT.resolve("jobs/target/yarn");

    static final Path SPARK_FOR_YARN = JARS.resolve("spark-yarn.jar");

    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int NODES = 2;
    private static final String SERVER = "org.apache.hadoop.yarn.server.";

    private final Path folder;
    private final int webPort = StandaloneCluster.freePort();
    private final List<CommandProcess> servers = new ArrayList<>();

    private YarnCluster(Path folder) {
        this.folder = folder;
    }

    /** Starts the servers on the class path of a Spark installation, which has Hadoop's client. */
    static YarnCluster start(Path folder, SparkInstallation spark) throws Exception {
        YarnCluster cluster = new YarnCluster(folder);
        Runtime.getRuntime().addShutdownHook(new Thread(cluster::close)); // leaves no processes if the test is killed
        cluster.configure();
        String classPath = Stream.of(
                        cluster.conf().toString(), JARS + "/servers/*", SparkInstallation.classPath(spark.jars()))
                .collect(Collectors.joining(File.pathSeparator));
        cluster.server(classPath, "resourcemanager.ResourceManager");
        for (int node = 0; node < NODES; node++) {
            Path home = folder.resolve("node-" + node);
            cluster.server(
                    classPath,
                    "nodemanager.NodeManager",
                    "-Dyarn.nodemanager.local-dirs=" + home.resolve("local"),
                    "-Dyarn.nodemanager.log-dirs=" + home.resolve("logs"));
        }
        cluster.servers.get(0).awaitWhileAlive("all nodes are there", PATIENCE, cluster::isComplete);
        return cluster;
    }

    /** Returns the value of HADOOP_CONF_DIR. */
    Path conf() {
        return folder.resolve("conf");
    }

    /** Returns the JVMs of the running executors. */
    List<ProcessHandle> executors() {
        return servers.stream()
                .flatMap(CommandProcess::descendants)
                .filter(process -> process.info().command().orElse("").endsWith("/java"))
                .filter(process -> commandLine(process).contains("YarnCoarseGrainedExecutorBackend"))
                .toList();
    }

    /** Returns the whole command line; {@link ProcessHandle} returns none that is longer than a page. */
    private static String commandLine(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc", String.valueOf(process.pid()), "cmdline"));
        } catch (IOException ended) {
            return "";
        }
    }

    private void configure() throws IOException {
        Files.createDirectories(conf());
        Files.writeString(
                conf().resolve("core-site.xml"),
                xml(Map.of("fs.defaultFS", "file:///", "hadoop.tmp.dir", folder.resolve("tmp"))));
        String manager = "yarn.resourcemanager.";
        Files.writeString(
                conf().resolve("yarn-site.xml"),
                xml(Map.ofEntries(
                        Map.entry(manager + "address", "127.0.0.1:" + StandaloneCluster.freePort()),
                        Map.entry(manager + "scheduler.address", "127.0.0.1:" + StandaloneCluster.freePort()),
                        Map.entry(manager + "resource-tracker.address", "127.0.0.1:" + StandaloneCluster.freePort()),
                        Map.entry(manager + "admin.address", "127.0.0.1:" + StandaloneCluster.freePort()),
                        Map.entry(manager + "webapp.address", "127.0.0.1:" + webPort),
                        Map.entry(manager + "scheduler.class", SERVER + "resourcemanager.scheduler.fifo.FifoScheduler"),
                        Map.entry("yarn.scheduler.minimum-allocation-mb", 128),
                        Map.entry("yarn.nodemanager.resource.memory-mb", 4096),
                        Map.entry("yarn.nodemanager.vmem-check-enabled", false),
                        Map.entry("yarn.nodemanager.disk-health-checker.enable", false),
                        Map.entry("yarn.nodemanager.address", "127.0.0.1:0"),
                        Map.entry("yarn.nodemanager.localizer.address", "127.0.0.1:0"),
                        Map.entry("yarn.nodemanager.webapp.address", "127.0.0.1:0"))));
    }

    private static String xml(Map<String, Object> properties) {
        return properties.entrySet().stream()
                .map(property -> "<property><name>" + property.getKey() + "</name><value>" + property.getValue()
                        + "</value></property>")
                .collect(Collectors.joining("", "<configuration>", "</configuration>"));
    }

    private void server(String classPath, String name, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(
                List.of("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classPath, SERVER + name));
        command.addAll(List.of(arguments));
        servers.add(CommandProcess.start(folder, Map.of(), command));
    }

    private boolean isComplete() throws InterruptedException {
        URI metrics = URI.create("http://127.0.0.1:" + webPort + "/ws/v1/cluster/metrics");
        try {
            return HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(metrics)
                                    .timeout(Duration.ofSeconds(10))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body()
                    .contains("\"activeNodes\":" + NODES);
        } catch (IOException notYet) {
            return false;
        }
    }

    @Override
    public void close() {
        servers.stream().flatMap(CommandProcess::descendants).forEach(ProcessHandle::destroyForcibly);
        servers.forEach(CommandProcess::close);
    }
}
